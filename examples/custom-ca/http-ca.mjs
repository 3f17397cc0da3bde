import { AgentError, parsePem } from 'sds-node-agent';

/**
 * A CA module for a CA behind HTTP: `POST /sign` takes a CSR in DER and the workload's token, `GET /roots` gives the
 * roots; both answer with PEM. CA_ADDR is its URL.
 *
 * @type {import('sds-node-agent').CustomCaFactory}
 */
export default function createHttpCa({ CA_ADDR }) {
  const ask = async (path, request) => {
    try {
      const answer = await fetch(new URL(path, CA_ADDR), request);
      if (!answer.ok) throw refusal(answer.status);
      return parsePem(await answer.text(), 'CERTIFICATE');
    } catch (error) {
      if (error instanceof AgentError) throw error;
      if (request.signal.aborted) throw new AgentError('ca-timeout', 'the request to the CA was given up');
      throw new AgentError('ca-unavailable', 'the CA cannot be reached: look at CA_ADDR', { cause: error });
    }
  };
  return {
    name: 'HttpCa',
    sign({ id, csr, ttlMs, token }, signal) {
      const headers = { authorization: `Bearer ${token.reveal()}` };
      const query = new URLSearchParams({ id, seconds: String(Math.floor(ttlMs / 1000)) });
      return ask(`/sign?${query}`, { method: 'POST', headers, body: csr, signal });
    },
    roots: (signal) => ask('/roots', { signal }),
  };
}

function refusal(status) {
  if (status === 401) return new AgentError('ca-token-rejected', 'the CA does not take the token');
  if (status === 429) return new AgentError('ca-overloaded', 'the CA has too much to do');
  if (status < 500) return new AgentError('ca-request-refused', `the CA refuses the request with ${status}`);
  return new AgentError('ca-unavailable', `the CA answers with ${status}`);
}
