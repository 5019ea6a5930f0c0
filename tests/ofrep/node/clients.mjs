// The official OFREP clients, unmodified. Told by its arguments where the service is and what to send with each request;
// prints one JSON object a line: what the server's client found, what the web client found, then each change it is told.
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { OpenFeature as Server } from '@openfeature/server-sdk';
import { OpenFeature as Web, ProviderEvents } from '@openfeature/web-sdk';
import { EventSource } from 'eventsource';

globalThis.EventSource = EventSource; // browsers have one

const [baseUrl, headersText] = process.argv.slice(2);
const headers = Object.entries(JSON.parse(headersText));
const context = { targetingKey: 'user-42', plan: 'gold' };

function say(heading, found) {
  process.stdout.write(JSON.stringify({ heading, ...found }) + '\n');
}

function told({ value, variant, reason, errorCode, flagMetadata }) {
  return { value, variant, reason, errorCode, flagMetadata };
}

async function detailsOf(client, context) {
  return {
    rule: told(await client.getBooleanDetails('rule', false, context)),
    text: told(await client.getStringDetails('text', 'default', context)),
    number: told(await client.getNumberDetails('number', 0, context)),
    thing: told(await client.getObjectDetails('thing', {}, context)),
    off: told(await client.getBooleanDetails('off', true, context)),
    unknown: told(await client.getBooleanDetails('unknown', true, context)),
  };
}

await Server.setProviderAndWait(new OFREPProvider({ baseUrl, headers }));
say('server', await detailsOf(Server.getClient(), context));

await Web.setContext(context);
const web = Web.getClient();
web.addHandler(ProviderEvents.ConfigurationChanged, ({ flagsChanged }) =>
  say('changed', { flagsChanged, rule: told(web.getBooleanDetails('rule', true)) }),
);
try {
  await Web.setProviderAndWait(new OFREPWebProvider({ baseUrl, headers, cacheMode: 'disabled' }));
  say('web', await detailsOf(web));
} catch ({ code, cause }) {
  say('refused', { code, status: cause?.response?.status });
  process.exit(1);
}

process.stdin.once('data', async () => {
  await Web.setContext({ ...context, plan: 'silver' });
  say('context', { rule: told(web.getBooleanDetails('rule', true)) });
  await Web.close();
  process.exit(0);
});
