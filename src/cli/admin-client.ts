import { type IncomingMessage, request as startRequest } from 'node:http';
import { AgentError } from '../core/agent-error.ts';
import type { AgentStatus } from '../core/status-report.ts';
import type { RotateEvent, RotateTarget } from '../telemetry/admin-server.ts';

/** A running agent answers at once, unless something is very wrong. */
const LONGEST_SILENCE_MS = 10_000;

/**
 * Asks the agent behind an admin socket for its status.
 *
 * @throws AgentError `socket-unusable` when no agent answers there, saying what to do
 */
export async function fetchStatus(socketPath: string, signal: AbortSignal): Promise<AgentStatus> {
  const answer = await ask(socketPath, { method: 'GET', path: '/status', timeout: LONGEST_SILENCE_MS }, signal);
  let text = '';
  try {
    for await (const chunk of answer.setEncoding('utf8')) text += chunk;
  } catch (cause) {
    throw toUnusable(socketPath, cause, signal);
  }
  if (answer.statusCode !== 200) throw unexpected(socketPath, `HTTP status ${answer.statusCode}`);
  return parse<AgentStatus>(text, socketPath);
}

/**
 * Has certificates or the root renewed, and yields what the agent says on the way; the last event is `done` or
 * `error`. It takes as long as the CA and the Envoys need.
 *
 * @throws AgentError `socket-unusable` when no agent answers there, or when it ends before it is done
 */
export async function* rotate(
  socketPath: string,
  target: RotateTarget,
  signal: AbortSignal,
): AsyncGenerator<RotateEvent, void> {
  const body = JSON.stringify(typeof target === 'string' ? { [target]: true } : target);
  const answer = await ask(socketPath, { method: 'POST', path: '/rotate', body }, signal);
  let rest = '';
  try {
    for await (const chunk of answer.setEncoding('utf8')) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const event = parse<RotateEvent>(line, socketPath);
        yield event;
        if (!('progress' in event)) return;
      }
    }
  } catch (cause) {
    throw toUnusable(socketPath, cause, signal);
  }
  throw unexpected(socketPath, 'it ended before it was done');
}

interface Question {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly timeout?: number;
}

function ask(socketPath: string, { body, ...question }: Question, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = startRequest({ ...question, socketPath, signal, agent: false }, resolve);
    request.on('timeout', () => request.destroy(unexpected(socketPath, `silent for ${LONGEST_SILENCE_MS / 1000} s`)));
    request.on('error', (cause) => reject(toUnusable(socketPath, cause, signal)));
    request.end(body);
  });
}

function parse<T>(text: string, socketPath: string): T {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unexpected(socketPath, 'it does not answer in JSON; is it a sds-node-agent?', cause);
  }
}

function unexpected(socketPath: string, what: string, cause?: unknown): AgentError {
  return new AgentError('socket-unusable', `the agent at ${socketPath} does not answer as it should: ${what}`, {
    cause,
  });
}

const ADVICE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket: start the agent, or name its socket with --admin-socket or ADMIN_SOCKET',
  ECONNREFUSED: 'the agent that made the socket has ended: start it again',
  EACCES: 'not allowed: run this as the user that the agent runs as',
  EPERM: 'not allowed: run this as the user that the agent runs as',
  ECONNRESET: 'the agent ended meanwhile',
};

function toUnusable(socketPath: string, cause: unknown, signal: AbortSignal): AgentError {
  if (cause instanceof AgentError) return cause;
  if (signal.aborted) return new AgentError('request-cancelled', 'interrupted', { cause });
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const advice = ADVICE[code] ?? (cause instanceof Error ? cause.message : 'unknown error');
  return new AgentError('socket-unusable', `no agent answers at ${socketPath}: ${advice}`, { cause });
}
