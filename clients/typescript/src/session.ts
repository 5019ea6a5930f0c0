// A login that survives reloads and is shared by all tabs of an origin.
//
// The service hands out a short access token and a refresh token that is good once. Two tabs that refresh at the same
// moment would both use the same one; so one of them does it, under a lock of the browser, and the others take what it
// got. Where there are no locks (they need https or localhost), the service's grace answers both: a refresh token that is
// used again within 10 seconds, before its successor was, brings the same successor.
import { connect, type Options, type Problem, type Schemas, type Service } from "./client.js";

export type Tokens = Pick<Schemas["TokenPair"], "access_token" | "refresh_token"> & { expires_at: number };

export interface SessionOptions extends Options {
  /** Where the tokens are kept: localStorage, or sessionStorage for a login of this tab alone. */
  storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  /** The browser's locks, if it has any; only a test gives others. */
  locks?: LockManager | undefined;
}

/** Renewed so long before it ends, so that clocks may differ and a request may take its time. */
const EARLY_SECONDS = 30;

export class SignedOut extends Error {
  constructor(readonly problem?: Problem) {
    super(problem?.detail ?? "Nobody is logged in.");
  }
}

export class Session {
  /** The client: every request carries a token that is good, and a 401 is tried once more with a new one. */
  readonly service: Service;
  /** Called when this tab, or another one, has logged in, refreshed or logged out. */
  onChange: (signedIn: boolean) => void = () => {};

  readonly #open: Service;
  readonly #key: string;
  readonly #storage: SessionOptions["storage"];
  readonly #locks: LockManager | undefined;
  readonly #channel: BroadcastChannel;
  #refreshing: Promise<Tokens> | undefined;

  constructor({ storage, locks = globalThis.navigator?.locks, ...options }: SessionOptions) {
    this.#key = `system-service:${options.tenant}`;
    this.#storage = storage;
    this.#locks = locks;
    this.#open = connect(options);
    this.service = connect({ ...options, fetch: (request) => this.#send(request) });
    this.#channel = new BroadcastChannel(this.#key);
    this.#channel.onmessage = () => this.onChange(this.signedIn);
  }

  get signedIn(): boolean {
    return this.#read() !== undefined;
  }

  /** Log in. A wrong password, or a second factor that is asked for, is answered, not thrown: show `code`. */
  async logIn(username: string, password: string, otp?: string): Promise<Problem | undefined> {
    const body = { username, password, ...(otp ? { otp } : {}) };
    const { data, error } = await this.#open.POST("/api/v1/auth/login", { body });
    if (error) return error;
    this.#keep(data);
    return undefined;
  }

  /** End the session here and in all tabs; `global` ends all sessions of this user everywhere. */
  async logOut(scope: "local" | "global" = "local"): Promise<void> {
    if (!this.signedIn) return;
    try {
      await this.service.POST("/api/v1/auth/logout", { params: { query: { scope } } });
    } catch (error) {
      if (!(error instanceof SignedOut)) throw error;
    }
    this.#forget();
  }

  /** Stop listening to other tabs. */
  close(): void {
    this.#channel.close();
  }

  /** A token that is good for a while yet. Throws SignedOut. */
  async accessToken(): Promise<string> {
    const tokens = this.#read();
    if (tokens === undefined) throw new SignedOut();
    const lasts = tokens.expires_at - Date.now() / 1000 > EARLY_SECONDS;
    return (lasts ? tokens : await this.refresh(tokens.access_token)).access_token;
  }

  /** New tokens in place of those that have gone stale; whoever got them first, all tabs have the same. */
  refresh(stale: string): Promise<Tokens> {
    this.#refreshing ??= this.#alone(() => this.#exchange(stale)).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #send(request: Request): Promise<Response> {
    const again = request.clone(); // a body can be read only once
    const token = await this.accessToken();
    request.headers.set("Authorization", `Bearer ${token}`);
    const response = await fetch(request);
    if (response.status !== 401) return response;
    again.headers.set("Authorization", `Bearer ${(await this.refresh(token)).access_token}`);
    return fetch(again);
  }

  async #exchange(stale: string): Promise<Tokens> {
    const tokens = this.#read();
    if (tokens === undefined) throw new SignedOut();
    if (tokens.access_token !== stale) return tokens; // another tab was faster
    const body = { refresh_token: tokens.refresh_token };
    const { data, error, response } = await this.#open.POST("/api/v1/auth/refresh", { body });
    if (data !== undefined) return this.#keep(data);
    if (response.status === 401) this.#forget(); // ended elsewhere; on 429 and 503 the session goes on
    throw response.status === 401 ? new SignedOut(error) : new Error(error?.detail ?? response.statusText);
  }

  async #alone(work: () => Promise<Tokens>): Promise<Tokens> {
    return this.#locks === undefined ? work() : this.#locks.request(this.#key, work);
  }

  #read(): Tokens | undefined {
    const kept = this.#storage.getItem(this.#key);
    return kept === null ? undefined : (JSON.parse(kept) as Tokens);
  }

  #keep({ access_token, refresh_token, expires_in }: Schemas["TokenPair"]): Tokens {
    const tokens = { access_token, refresh_token, expires_at: Date.now() / 1000 + expires_in };
    this.#storage.setItem(this.#key, JSON.stringify(tokens));
    this.#tell();
    return tokens;
  }

  #forget(): void {
    this.#storage.removeItem(this.#key);
    this.#tell();
  }

  #tell(): void {
    this.#channel.postMessage("changed");
    this.onChange(this.signedIn);
  }
}
