import { expect, test } from 'vitest';
import { Api, ApiError } from '../src/lib/api.ts';

function server(status: number, body: string) {
  const asked: { url: string; request: RequestInit }[] = [];
  const api = new Api(async (url, request) => {
    asked.push({ url: String(url), request: request! });
    return new Response(status === 204 ? null : body, { status });
  });
  return { api, asked };
}

test('a write carries the session’s token, a read does not', async () => {
  const { api, asked } = server(200, '{"items":[]}');
  api.csrfToken = 'secret';
  await api.get('/orders', { status: 'live', symbol: null });
  await api.post('/orders', { a: 1 });
  expect(asked[0]!.url).toBe('/api/v1/orders?status=live');
  expect(asked[0]!.request.headers).not.toHaveProperty('X-CSRF-Token');
  expect(asked[1]!.request.headers).toHaveProperty('X-CSRF-Token', 'secret');
  expect(asked[1]!.request.body).toBe('{"a":1}');
});

test('a problem becomes an error with its code and field', async () => {
  const body =
    '{"type":"about:blank","title":"x","status":422,"detail":"no","code":"invalid_request","errors":[{"field":"cartons"}]}';
  const { api } = server(422, body);
  await expect(api.post('/lots', {})).rejects.toMatchObject({ status: 422, code: 'invalid_request', field: 'cartons' });
});

test('an answer that is no problem document still has a code', async () => {
  const { api } = server(502, '<html>');
  await expect(api.get('/me')).rejects.toMatchObject({ status: 502, code: 'http_502' });
});

test('an ended session is told of once signed in, not while signing in', async () => {
  const { api } = server(401, '{"code":"not_signed_in"}');
  let told = 0;
  api.onSignedOut = () => (told += 1);
  await expect(api.post('/sessions', {})).rejects.toBeInstanceOf(ApiError);
  expect(told).toBe(0);
  await expect(api.get('/me')).rejects.toBeInstanceOf(ApiError);
  expect(told).toBe(1);
});

test('silence is an error that leaves the outcome open', async () => {
  const unreachable = new Api(() => Promise.reject(new TypeError('refused')));
  await expect(unreachable.get('/me')).rejects.toMatchObject({ code: 'network', uncertain: true });
  const silent = new Api(
    (_url, request) =>
      new Promise((_, fail) => request!.signal!.addEventListener('abort', () => fail(new Error('aborted')))),
    20,
  );
  await expect(silent.get('/me')).rejects.toMatchObject({ code: 'timeout', uncertain: true });
});

test('an empty answer is nothing', async () => {
  const { api } = server(204, '');
  expect(await api.delete('/sessions/current')).toBeNull();
});
