/** One function that asks the appliance, and one error that says what went wrong in its own words. */
import type { Problem } from './types';

/** Where the API stands. */
export const API = '/api/v1';

/** The appliance refused, or could not be reached. */
export class ApiError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.title);
    this.name = 'ApiError';
    this.problem = problem;
  }

  /** The HTTP status; 0 if no answer came. */
  get status(): number {
    return this.problem.status ?? 0;
  }
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

interface Request {
  method?: Method;
  body?: unknown;
  /** Makes a repeated request harmless: the same key creates once. */
  idempotencyKey?: string;
  /** The revision that was looked at: if somebody else changed the thing since, the call is refused. */
  revision?: number;
  signal?: AbortSignal;
}

const sessionLost = new Set<() => void>();

/** Calls back whenever an answer says that nobody is logged in any more. Returns how to stop. */
export function onSessionLost(callback: () => void): () => void {
  sessionLost.add(callback);
  return () => sessionLost.delete(callback);
}

/** Asks the appliance and returns the body of its answer. */
export async function ask<Answer>(path: string, request: Request = {}): Promise<Answer> {
  const method = request.method ?? 'GET';
  const headers: Record<string, string> = { Accept: 'application/json' };
  // Mutating calls carry this type even without a body: another site's form cannot send it.
  if (method !== 'GET') headers['Content-Type'] = 'application/json';
  if (request.idempotencyKey !== undefined) headers['Idempotency-Key'] = request.idempotencyKey;
  if (request.revision !== undefined) headers['If-Match'] = `"${request.revision}"`;
  let response: Response;
  try {
    response = await fetch(API + path, {
      method,
      headers,
      body: method === 'GET' ? undefined : JSON.stringify(request.body ?? {}),
      signal: request.signal,
      credentials: 'same-origin',
      cache: 'no-store',
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError({ code: 'page-unreachable', title: '', remedy: '', status: 0 });
  }
  if (!response.ok) {
    const problem = await readProblem(response);
    if (response.status === 401 && path !== '/sessions' && path !== '/session') {
      for (const callback of sessionLost) callback();
    }
    throw new ApiError(problem);
  }
  if (response.status === 204 || response.headers.get('content-length') === '0') return undefined as Answer;
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as Answer;
}

/** Reads a problem document; whatever else stands before the appliance may answer with something else. */
async function readProblem(response: Response): Promise<Problem> {
  try {
    const body: unknown = await response.json();
    if (typeof body === 'object' && body !== null && 'code' in body && typeof body.code === 'string') {
      return { title: '', remedy: '', ...body, code: body.code, status: response.status };
    }
  } catch {
    // No JSON: the status has to do.
  }
  return { code: 'unexpected-answer', title: `${response.status} ${response.statusText}`, remedy: '', status: response.status };
}

/** The problem behind any error. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  return { code: 'page-error', title: error instanceof Error ? error.message : String(error), remedy: '', status: 0 };
}
