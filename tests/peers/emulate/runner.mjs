// Runs the npm package `emulate` as a Slack that calls back, and lends it what Slack has and it lacks:
//
//   - slack_sdk puts the arguments of many calls into the address, emulate reads bodies: they are moved there
//   - events go to an address (its own dispatcher has no way to be told one), wrapped as Slack wraps them
//   - a message that names the bot is an `app_mention` too
//   - unknown tokens are refused, unknown methods are `unknown_method`, answers name the token's scopes
//   - `files.info` of a PNG tells its size, which is how a program knows that it is processed
//
// One JSON line on stdin configures it: {"folder", "events_url", "bot", "seed"}. It prints {"url"} and runs
// until stdin ends, so it never outlives who started it.

import { createServer } from "node:http";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const input = createInterface({ input: process.stdin });
const config = JSON.parse((await input[Symbol.asyncIterator]().next()).value);
process.stdin.on("end", () => process.exit(0)).resume();

const dist = join(config.folder, "node_modules", "emulate", "dist");
const bundle = readdirSync(dist).find(
  (name) => name.endsWith(".js") && /export \{[^}]*\bslackPlugin\b/s.test(readFileSync(join(dist, name), "utf8")),
);
const { createEmulator } = await import(pathToFileURL(join(dist, "api.js")));
const { slackPlugin, getSlackStore } = await import(pathToFileURL(join(dist, bundle)));

let app, slack;
const register = slackPlugin.register;
slackPlugin.register = (hono, store, webhooks, ...rest) => {
  app = hono;
  slack = getSlackStore(store);
  webhooks.register({ url: config.events_url, events: ["*"], active: true, owner: "slack" });
  const dispatch = webhooks.dispatch.bind(webhooks);
  webhooks.dispatch = async (event, action, payload, owner, repo) => {
    await dispatch(event, action, wrapped(payload), owner, repo);
    const said = payload.event ?? {};
    const person = said.type === "message" && said.user !== config.bot && (said.subtype ?? "file_share") === "file_share";
    if (person && said.text?.includes(`<@${config.bot}>`)) {
      const mention = { ...payload, event_id: `${payload.event_id}M`, event: { ...said, type: "app_mention" } };
      await dispatch("app_mention", undefined, wrapped(mention), owner, repo);
    }
  };
  register(hono, store, webhooks, ...rest);
};

function wrapped(payload) {
  const channel = payload.event?.channel ?? payload.event?.channel_id;
  const kind = slack.channels.findOneBy("channel_id", channel ?? "")?.is_im ? "im" : "channel";
  const event = payload.event?.type === "message" ? { ...payload.event, channel_type: kind } : payload.event;
  const authorizations = [{ team_id: payload.team_id, user_id: config.bot, is_bot: true, is_enterprise_install: false }];
  return { ...payload, event, api_app_id: "A1", authorizations };
}

const json = (value) => new Response(JSON.stringify(value), { headers: { "content-type": "application/json" } });
const tokenOf = (request) =>
  slack.tokens.findOneBy("token", (request.headers.get("authorization") ?? "").replace(/^Bearer /, ""));

async function answer(request) {
  const url = new URL(request.url);
  if (url.pathname.startsWith("/files-pri/") && !tokenOf(request)) {
    return new Response("<html>sign in</html>", { headers: { "content-type": "text/html" } });
  }
  if (!url.pathname.startsWith("/api/")) return app.fetch(request);
  const token = tokenOf(request);
  if (!token && url.pathname !== "/api/oauth.v2.access") return json({ ok: false, error: "invalid_auth" });
  const asked = url.search || request.method === "GET" ? asPost(request, url) : request;
  const response = await app.fetch(asked);
  if (response.status === 404) return json({ ok: false, error: "unknown_method" });
  const told = await response.json();
  if (url.pathname === "/api/files.info" && told.ok) Object.assign(told.file, sizeOf(told.file.id));
  return new Response(JSON.stringify(told), {
    status: response.status,
    headers: { "content-type": "application/json", "x-oauth-scopes": token?.scopes.join(",") ?? "" },
  });
}

function asPost(request, url) {
  const headers = { ...Object.fromEntries(request.headers), "content-type": "application/x-www-form-urlencoded" };
  return new Request(url.origin + url.pathname, { method: "POST", headers, body: url.searchParams.toString() });
}

function sizeOf(id) {
  const data = Buffer.from(slack.files.findOneBy("file_id", id)?.content_base64 ?? "", "base64");
  const png = data.subarray(1, 4).toString() === "PNG";
  return png ? { original_w: data.readUInt32BE(16), original_h: data.readUInt32BE(20) } : {};
}

const server = createServer(async (incoming, outgoing) => {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const body = chunks.length ? Buffer.concat(chunks) : undefined;
  const { host, "content-length": _, connection: __, ...headers } = incoming.headers;
  const response = await answer(
    new Request(base + incoming.url, { method: incoming.method, headers, body, redirect: "manual" }),
  );
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const base = `http://127.0.0.1:${server.address().port}`;
await createEmulator({ service: "slack", port: 0, baseUrl: base, seed: { tokens: {}, slack: config.seed } });
console.log(JSON.stringify({ url: base, channels: slack.channels.all(), users: slack.users.all() }));
