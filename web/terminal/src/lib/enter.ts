/**
 * A form for hands in gloves and for scanners, which end what they read with Enter: Enter goes to the next field, and in the last
 * one it sends. The first field has the focus from the start.
 */
export function enterAdvances(form: HTMLFormElement): { destroy(): void } {
  const fields = (): HTMLElement[] => [
    ...form.querySelectorAll<HTMLElement>('input:not(:disabled), select:not(:disabled)'),
  ];

  function pressed(event: KeyboardEvent): void {
    if (event.key !== 'Enter' || event.isComposing) return;
    const all = fields();
    const here = all.indexOf(event.target as HTMLElement);
    if (here === -1) return;
    event.preventDefault();
    const next = all[here + 1];
    if (next === undefined) form.requestSubmit();
    else focus(next);
  }

  form.addEventListener('keydown', pressed);
  const first = fields()[0] ?? form.querySelector<HTMLElement>('button');
  if (first) focus(first);
  return { destroy: () => form.removeEventListener('keydown', pressed) };
}

function focus(field: HTMLElement): void {
  field.focus();
  if (field instanceof HTMLInputElement) field.select();
}
