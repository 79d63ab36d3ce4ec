/** A client order id: unguessable is not needed, unique is. The prefix says that a person sent it from here. */
export function newClientOrderId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `terminal-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
