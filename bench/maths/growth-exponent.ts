/** What a size cost, above what there was at size zero. */
export interface SizeCost {
  readonly size: number;
  readonly cost: number;
}

/**
 * The exponent k of `cost = c * size^k`: the slope of the straight line that fits log(cost) over log(size) best
 * (least squares). 1 is proportional growth, 2 is quadratic. Costs must be above zero. Throws for fewer than two sizes.
 */
export function growthExponent(points: readonly SizeCost[]): number {
  const logs = points.map(({ size, cost }) => ({ x: Math.log(size), y: Math.log(cost) }));
  const meanX = mean(logs.map(({ x }) => x));
  const meanY = mean(logs.map(({ y }) => y));
  let covariance = 0;
  let variance = 0;
  for (const { x, y } of logs) {
    covariance += (x - meanX) * (y - meanY);
    variance += (x - meanX) ** 2;
  }
  if (variance === 0) throw new Error('an exponent needs at least two sizes');
  return covariance / variance;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
