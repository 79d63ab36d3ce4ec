import { codeOf } from './app.svelte.ts';

/** Something that the feed does not tell, or not all of, and that is therefore asked for again and again while somebody looks at it. */
export class Poll<T> {
  value = $state.raw<T | null>(null);
  failed = $state<string | null>(null);
  readonly #ask: () => Promise<T>;
  readonly #everyMs: number;
  readonly #hear: ((news: () => void) => () => void) | null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #running = false;
  #asked = 0;

  /** `hear` listens for news, after which it is asked at once, and returns how to stop. */
  constructor(ask: () => Promise<T>, everyMs: number, hear: ((news: () => void) => () => void) | null = null) {
    this.#ask = ask;
    this.#everyMs = everyMs;
    this.#hear = hear;
  }

  /** Begin; returns how to stop. The next question waits for the last answer. */
  run = (): (() => void) => {
    this.#running = true;
    void this.again();
    const stop = this.#hear?.(() => void this.again());
    return () => {
      stop?.();
      this.#running = false;
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#timer = null;
    };
  };

  again = async (): Promise<void> => {
    const mine = ++this.#asked;
    if (this.#timer !== null) clearTimeout(this.#timer);
    try {
      // A hidden page asks nothing; it shows what it knew until it is looked at again.
      if (!document.hidden || this.value === null) {
        const value = await this.#ask();
        if (mine !== this.#asked) return;
        this.value = value;
        this.failed = null;
      }
    } catch (error) {
      if (mine !== this.#asked) return;
      this.failed = codeOf(error);
    }
    if (this.#running) this.#timer = setTimeout(() => void this.again(), this.#everyMs);
  };
}
