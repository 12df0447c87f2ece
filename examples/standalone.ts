// A gateway without drachtio: its own SIP stack alone. Sends one push and says what became of it.
//
//   PPG_NEXT_HOP='sip:10.0.0.1:5060' node --import=tsx standalone.ts alice@ims.example.com 'Hello!'
//
// PPG_NEXT_HOP is the SIP/IP core (or one phone). Ends with 0 when the push was delivered.
import { createPpg } from 'drachtio-ppg';

const [to = 'alice@ims.example.com', text = 'Hello!'] = process.argv.slice(2);

const ppg = createPpg({
  domain: 'ims.example.com',
  store: 'memory',
  sip: {
    nextHop: process.env['PPG_NEXT_HOP'] ?? 'sip:127.0.0.1:5060',
    direct: { listen: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }] },
    registrations: 'none', // nobody tells this process who is registered: an absent user is tried again soon
  },
});

await ppg.start();

const ended = new Promise<boolean>((resolve) => {
  ppg.on('state', ({ state, code, cause, address }) => {
    console.log(`${address}: ${state}, PAP code ${code} (${cause})`);
    if (state !== 'pending' && state !== 'awaiting-confirmation') resolve(state === 'delivered');
  });
});

const { code, pushId } = await ppg.submit({
  to,
  type: 'text/plain;charset=utf-8',
  body: text,
  deliveryMethod: 'confirmed',
  deliverBefore: new Date(Date.now() + 60_000), // whoever is absent for longer misses it
});
console.log(`push ${pushId}: ${code}`);

process.exitCode = (await ended) ? 0 : 1;
await ppg.stop();
