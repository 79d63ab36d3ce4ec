import { ApiError } from './api.ts';
import { newClientOrderId } from './client_order_id.ts';

/**
 * Sends requests that carry a name of their own so that none is done twice. One whose answer never came keeps its name: sending
 * the same again asks the venue what became of it. Any other gets a new name.
 */
export class Once {
  #content = '';
  #name = '';

  async send<T>(content: unknown, act: (name: string) => Promise<T>): Promise<T> {
    const text = JSON.stringify(content);
    if (text !== this.#content) {
      this.#content = text;
      this.#name = newClientOrderId();
    }
    try {
      const answer = await act(this.#name);
      this.#content = '';
      return answer;
    } catch (error) {
      if (!(error instanceof ApiError && error.uncertain)) this.#content = '';
      throw error;
    }
  }
}
