// The gateway in a drachtio app that is registrar and relay itself, and has a web side.
//
//   DRACHTIO_SECRET=cymru MMSC_HASH="$(npx drachtio-ppg hash)" node mount-in-app.cjs
//
// Phones register here; users send each other MESSAGEs; a Push Initiator named mmsc posts PAP to /pap.
const express = require('express');
const Srf = require('drachtio-srf');
const { createPpg } = require('drachtio-ppg');

const env = process.env;
const domain = env.DOMAIN ?? 'ims.example.com';
const drachtio = {
  host: env.DRACHTIO_HOST ?? '127.0.0.1',
  port: Number(env.DRACHTIO_PORT ?? 9022),
  secret: env.DRACHTIO_SECRET,
};

const srf = new Srf();
srf.on('error', (error) => console.error(`drachtio: ${error.message}`));

const ppg = createPpg({
  srf,
  domain,
  store: env.PPG_STORE ?? 'sqlite:./ppg.db',
  initiators: env.MMSC_HASH ? [{ name: 'mmsc', passwordHash: env.MMSC_HASH }] : [],
  sip: {
    // No core behind this app: pushes go where all MESSAGEs go, through its own relay. drachtio-server sends nothing
    // to itself, so they take the gateway's own SIP stack.
    leg: 'direct',
    direct: { listen: [{ protocol: 'udp', host: env.PPG_HOST ?? '127.0.0.1', port: Number(env.PPG_PORT ?? 0) }] },
    nextHop: env.APP_SIP ?? 'sip:127.0.0.1:5060', // where drachtio-server takes SIP
  },
});
ppg.on('state', ({ pushId, state, code, cause }) => console.log(`push ${pushId}: ${state} ${code} (${cause})`));

// Before the app's own handlers. What is not the gateway's passes through untouched.
ppg.mount(srf);

/** Where each user is: address-of-record to contacts, each with the time at which it runs out. */
const users = new Map();

const aorOf = (uri) => {
  const { user, host } = Srf.parseUri(uri) ?? {};
  return `sip:${user}@${host}`;
};

const contactsOf = (aor) => {
  const contacts = users.get(aor) ?? new Map();
  for (const [uri, until] of contacts) if (until <= Date.now()) contacts.delete(uri);
  return contacts;
};

// An app on an open network authenticates here: srf.use('register', digestAuth({ realm: domain, passwordLookup }))
srf.register((req, res) => {
  const aor = aorOf(req.getParsedHeader('To').uri);
  const contacts = contactsOf(aor);
  if (req.get('Contact') === '*') contacts.clear();
  else
    for (const { uri, params } of req.has('Contact') ? req.getParsedHeader('Contact') : []) {
      const seconds = Number(params?.expires ?? req.get('Expires') ?? 3600);
      if (seconds > 0) contacts.set(uri, Date.now() + seconds * 1000);
      else contacts.delete(uri);
    }
  users.set(aor, contacts);
  const list = [...contacts].map(([uri, until]) => `<${uri}>;expires=${Math.ceil((until - Date.now()) / 1000)}`);
  res.send(200, { headers: list.length > 0 ? { Contact: list.join(', ') } : {} });
});

/** What belongs to one hop only, or is made anew for the next one. */
const OWN = new Set(['via', 'route', 'record-route', 'max-forwards', 'call-id', 'cseq', 'contact', 'content-length']);

srf.message((req, res) => {
  const contact = [...contactsOf(aorOf(req.uri)).keys()].at(-1); // one device each: the newest
  if (contact === undefined) return res.send(480); // the gateway keeps a push until the user registers
  const headers = Object.fromEntries(Object.entries(req.headers).filter(([name]) => !OWN.has(name.toLowerCase())));
  srf.request(contact, { method: 'MESSAGE', headers, body: req.body }, (error, relayed) => {
    if (error) return res.send(500);
    relayed.on('response', (answer) => answer.status >= 200 && res.send(answer.status));
  });
});

srf.options((_req, res) => res.send(200, { headers: { Allow: 'REGISTER, MESSAGE, OPTIONS' } }));

const web = express();
web.use('/pap', ppg.pap()); // before parsers that take any body
web.use(express.json());
web.get('/users', (_req, res) => res.json([...users.keys()].filter((aor) => contactsOf(aor).size > 0)));
web.post('/notices', async (req, res, next) => {
  try {
    const { code, pushId } = await ppg.submit({
      to: req.body?.to ?? [],
      type: 'text/plain',
      body: String(req.body?.text),
    });
    res.status(code === 1001 ? 202 : 409).json({ code, pushId });
  } catch (error) {
    if (error.papCode === undefined) next(error);
    else res.status(400).json({ code: error.papCode, error: error.message });
  }
});

const connected = new Promise((resolve) => srf.once('connect', resolve));
srf.connect(drachtio);

const server = web.listen(Number(env.HTTP_PORT ?? 8080), env.HTTP_HOST ?? '127.0.0.1', async () => {
  await connected;
  await ppg.start();
  console.log(`ready: http://127.0.0.1:${server.address().port}`);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    server.close();
    await ppg.stop(); // what is under way ends; the app's connection is the app's to close
    srf.disconnect();
  });
}
