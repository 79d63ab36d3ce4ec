/**
 * SHA-256 of a file in hexadecimal, made in the browser: the venue keeps the digest, the file stays with whoever took it.
 * Rejects where the browser offers no digests, which it does over https and on the machine itself alone.
 */
export async function sha256(file: Blob): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
