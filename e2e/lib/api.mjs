// The plugin's API as a signed-in guest, for facts that a page shows only in words.
import { BACKEND } from './portal.mjs';

export class Api {
  #token;

  async #authorization() {
    const response = await fetch(`${BACKEND}/api/auth/guest/refresh`, {
      method: 'POST',
      headers: { 'x-requested-with': 'XMLHttpRequest' },
    });
    if (!response.ok)
      throw new Error(`Signing in as guest answered ${response.status}`);
    this.#token = (await response.json()).backstageIdentity.token;
  }

  async token() {
    if (!this.#token) await this.#authorization();
    return this.#token;
  }

  async request(method, path, body) {
    if (!this.#token) await this.#authorization();
    const response = await fetch(`${BACKEND}/api/delivery/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok)
      throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return JSON.parse(text);
  }

  get(path) {
    return this.request('GET', path);
  }

  post(path, body) {
    return this.request('POST', path, body);
  }
}
