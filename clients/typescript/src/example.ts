// What a page does, as a program: node dist/example.js http://127.0.0.1:8008 tenant_demo admin PASSWORD
import { connect, isProblem } from "./client.js";
import { Session, SignedOut } from "./session.js";

declare const process: { argv: string[]; exit(code: number): never };

const [baseUrl = "", tenant = "", username = "", password = ""] = process.argv.slice(2);
const kept = new Map<string, string>(); // a page has localStorage
const storage = {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => void kept.set(key, value),
  removeItem: (key: string) => void kept.delete(key),
};

function say(heading: string, found: unknown): void {
  console.log(JSON.stringify({ heading, found }));
}

// Before anybody has logged in: what the tenant shows everybody.
const open = connect({ baseUrl, tenant });
const shown = await open.GET("/api/v1/settings/public");
say("public settings", shown.data?.items.map(({ key }) => key));

const session = new Session({ baseUrl, tenant, storage });
say("wrong password", (await session.logIn(username, "not the password"))?.code);
await session.logIn(username, password);
say("logged in", session.signedIn);

const { service } = session;
const me = await service.GET("/api/v1/auth/me");
say("me", me.data?.user.username);

const made = await service.POST("/api/v1/tools/notes", { body: { title: "From TypeScript", tags: ["vip"] } });
say("made", made.data?.title);

const notes = await service.GET("/api/v1/tools/notes", { params: { query: { limit: 1, sort: "-created_at" } } });
say("notes", notes.data?.items.map(({ title }) => title));

// Refused: the error is typed as a problem, and says which field is wrong.
const refused = await service.POST("/api/v1/tools/notes", { body: { title: "" } });
say("refused", isProblem(refused.error) ? [refused.error.code, refused.error.errors?.[0]?.pointer] : undefined);

// Somebody else was faster: 412, nothing is overwritten.
const path = { note_id: made.data?.id ?? "" };
const body = { title: "Changed" };
await service.PATCH("/api/v1/tools/notes/{note_id}", { params: { path, header: { "If-Match": '"v1"' } }, body });
const late = await service.PATCH("/api/v1/tools/notes/{note_id}", {
  params: { path, header: { "If-Match": '"v1"' } },
  body,
});
say("late", late.error?.code);

// Two tabs whose token has gone stale at the same moment: both go on, with the same new tokens.
const other = new Session({ baseUrl, tenant, storage });
const stale = await session.accessToken();
const fresh = await Promise.all([session.refresh(stale), other.refresh(stale)]);
say("two tabs", [new Set(fresh.map(({ refresh_token }) => refresh_token)).size, fresh[0].access_token !== stale]);
say("the second tab", (await other.service.GET("/api/v1/auth/test")).data?.authenticated);

await session.logOut();
try {
  await other.service.GET("/api/v1/auth/me");
} catch (error) {
  say("logged out", error instanceof SignedOut);
}
session.close();
other.close();
