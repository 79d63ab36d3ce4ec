/**
 * Gathers what wants to be painted and paints it at most every `intervalMs`: the last job under a name wins. The screen is the
 * dearest part of the program, and an eye gains nothing above ten pictures a second.
 */
export class Repaint {
  #jobs = new Map<string, () => void>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #paintedAt = -Infinity;
  readonly #intervalMs: number;

  constructor(intervalMs = 100) {
    this.#intervalMs = intervalMs;
  }

  ask(name: string, job: () => void): void {
    this.#jobs.set(name, job);
    if (this.#timer !== null) return;
    const wait = Math.max(0, this.#paintedAt + this.#intervalMs - Date.now());
    this.#timer = setTimeout(() => this.#paint(), wait);
  }

  #paint(): void {
    this.#timer = null;
    this.#paintedAt = Date.now();
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const job of jobs) job();
  }
}
