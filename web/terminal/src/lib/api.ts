import { parseJson } from './json.ts';

/** What the server refused, or why it could not be asked: `code` is stable and named in both languages (i18n `error.…`). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly field: string | null;

  constructor(status: number, code: string, detail: string, field: string | null = null) {
    super(detail);
    this.status = status;
    this.code = code;
    this.field = field;
  }

  /** Whether the request may have been carried out although nobody said so: the same one may be sent again, by the same id. */
  get uncertain(): boolean {
    return this.status === 0;
  }
}

export type Query = Record<string, string | number | boolean | null | undefined>;

/**
 * The venue's HTTP face, same origin. The session is a cookie that this program cannot read; writes carry the token that the
 * session came with (`X-CSRF-Token`), which a foreign page does not know.
 */
export class Api {
  csrfToken: string | null = null;
  onSignedOut: () => void = () => {};
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;

  constructor(fetcher: typeof fetch = (...request) => fetch(...request), timeoutMs = 10_000) {
    this.#fetch = fetcher;
    this.#timeoutMs = timeoutMs;
  }

  get<T>(path: string, query: Query = {}): Promise<T> {
    return this.#send<T>('GET', path + search(query));
  }

  post<T>(path: string, body: unknown): Promise<T> {
    return this.#send<T>('POST', path, body);
  }

  /** A file as it is, by its own media type. */
  postFile<T>(path: string, query: Query, content: Blob, type: string): Promise<T> {
    return this.#send<T>('POST', path + search(query), content, type);
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.#send<T>('PATCH', path, body);
  }

  delete<T>(path: string, query: Query = {}): Promise<T> {
    return this.#send<T>('DELETE', path + search(query));
  }

  async #send<T>(method: string, path: string, body?: unknown, type = 'application/json'): Promise<T> {
    const headers: Record<string, string> = { Accept: 'application/json' };
    if (body !== undefined) headers['Content-Type'] = type;
    if (method !== 'GET' && this.csrfToken) headers['X-CSRF-Token'] = this.csrfToken;
    const response = await this.#ask(path, {
      method,
      headers,
      body: body === undefined ? undefined : body instanceof Blob ? body : JSON.stringify(body),
      credentials: 'same-origin',
    });
    if (response.ok) return response.text as T;
    const error = problem(response.status, response.text);
    if (error.status === 401 && path !== '/sessions') this.onSignedOut();
    throw error;
  }

  async #ask(path: string, request: RequestInit): Promise<{ ok: boolean; status: number; text: unknown }> {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), this.#timeoutMs);
    try {
      const response = await this.#fetch(`/api/v1${path}`, { ...request, signal: abort.signal });
      const text = await response.text();
      return { ok: response.ok, status: response.status, text: readable(text) };
    } catch (cause) {
      if (abort.signal.aborted) throw new ApiError(0, 'timeout', 'no answer in time');
      throw new ApiError(0, 'network', cause instanceof Error ? cause.message : 'unreachable');
    } finally {
      clearTimeout(timer);
    }
  }
}

function readable(text: string): unknown {
  if (text === '') return null;
  try {
    return parseJson(text);
  } catch {
    return null;
  }
}

/** RFC 9457 problem details, or whatever stood in their place. */
function problem(status: number, body: unknown): ApiError {
  const details = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const code = typeof details.code === 'string' ? details.code : `http_${status}`;
  const detail = typeof details.detail === 'string' ? details.detail : code;
  const field = typeof details.field === 'string' ? details.field : firstField(details.errors);
  return new ApiError(status, code, detail, field);
}

function firstField(errors: unknown): string | null {
  if (!Array.isArray(errors)) return null;
  const first: unknown = errors[0];
  if (typeof first !== 'object' || first === null || !('field' in first)) return null;
  return typeof first.field === 'string' ? first.field : null;
}

/** The address of a file, for a link that saves it. */
export function fileAddress(path: string, query: Query = {}): string {
  return `/api/v1${path}${search(query)}`;
}

function search(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined) parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}
