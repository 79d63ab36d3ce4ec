import { ApiError } from '../lib/api.ts';
import { codeOf } from './app.svelte.ts';
import { explained, t } from './prefs.svelte.ts';

/** One thing that a form does: whether it is under way, and why the last try came to nothing, in the reader's words. */
export class Doing {
  busy = $state(false);
  /** The stable code of the refusal, or what the form itself found wrong. */
  #code = $state<string | null>(null);
  #text = $state<string | null>(null);
  /** The field that the server names as the one at fault. */
  field = $state<string | null>(null);

  get failed(): string | null {
    if (this.#code === null) return this.#text;
    return this.uncertain ? t('doing.unanswered') : explained(this.#code);
  }

  get uncertain(): boolean {
    return this.#code === 'network' || this.#code === 'timeout';
  }

  /** Say what is wrong before anything is sent; null: nothing is. */
  say(text: string | null): boolean {
    this.#code = null;
    this.field = null;
    this.#text = text;
    return text === null;
  }

  /** Run unless something runs already; whether it was done. */
  async run(act: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.say(null);
    try {
      await act();
      return true;
    } catch (error) {
      this.#code = codeOf(error);
      this.field = error instanceof ApiError ? error.field : null;
      return false;
    } finally {
      this.busy = false;
    }
  }
}
