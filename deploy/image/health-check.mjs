import { request } from 'node:http';

/**
 * The health check of the image: exit status 0 while the agent (or `ca`) in this container lives. It asks what
 * Kubernetes asks by itself, on the port that MONITORING_PORT says; without a port nothing can be said.
 */
const { MONITORING_PORT: port = '15014', MONITORING_ADDRESS: address = '0.0.0.0' } = process.env;
const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
request({ host, port: Number(port), path: '/healthz/live', timeout: 4000 })
  .on('response', ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1))
  .on('timeout', () => process.exit(1))
  .on('error', () => process.exit(1))
  .end();
