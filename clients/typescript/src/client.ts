// A client of the System Service whose paths, bodies and answers are typed by docs/openapi.json.
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type Schemas = components["schemas"];
export type Problem = Schemas["Problem"];
export type Service = Client<paths>;

export interface Options {
  /** Where the service is: "https://system.example". */
  baseUrl: string;
  /** "tenant_acme" or "acme". */
  tenant: string;
  /** For programs: an API key instead of a session. */
  apiKey?: string;
  /** How requests are sent; a session brings its own. */
  fetch?: (request: Request) => Promise<Response>;
}

/** A client for one tenant. */
export function connect({ baseUrl, tenant, apiKey, fetch }: Options): Service {
  const headers = { "X-Tenant-ID": tenant, ...(apiKey ? { "X-API-Key": apiKey } : {}) };
  return createClient<paths>({ baseUrl, headers, ...(fetch ? { fetch } : {}) });
}

/** Whether something that was thrown or answered is an error of the service; then switch on its `code`. */
export function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "code" in value && "request_id" in value;
}
