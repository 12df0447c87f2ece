import assert from 'node:assert/strict';
import { readCredentials, type TlsOptions } from '../../../lib/stack/tls-options.ts';
import { tlsFile, tlsPair, tlsText } from '../../support/tls-fixtures.ts';

describe('TLS options', () => {
  it('take files and texts alike', () => {
    const files = readCredentials({ cert: tlsFile('server.pem'), key: tlsFile('server.key'), ca: tlsFile('ca.pem') });
    const texts = readCredentials({ ...tlsPair('server'), ca: tlsText('ca.pem') });
    assert.deepEqual(files.contextOptions, texts.contextOptions);
    assert.deepEqual([files.hasCertificate, files.asksClient, files.requiresClient], [true, true, false]);
    assert.equal(files.contextOptions.minVersion, 'TLSv1.2');
  });

  it('make a client that believes the authorities of node when there are none', () => {
    const { hasCertificate, asksClient, verifiesServer } = readCredentials();
    assert.deepEqual([hasCertificate, asksClient, verifiesServer], [false, false, true]);
  });

  it('are refused by name', () => {
    const refused = (options: TlsOptions, message: RegExp): void => {
      assert.throws(() => readCredentials(options), { code: 'PPG_E_OPTIONS', message });
    };
    const server = tlsPair('server');
    refused({ cert: server.cert }, /^tls\.key is missing/);
    refused({ key: server.key }, /^tls\.cert is missing/);
    refused({ ...server, requireClientCertificate: true }, /^tls\.ca is missing/);
    refused({ ...server, cert: tlsFile('no-such.pem') }, /^tls\.cert cannot be read: ENOENT/);
    refused({ ...server, ca: tlsFile('make.sh') }, /^tls\.ca .*make\.sh holds no PEM/);
    refused({ ...server, key: tlsText('other.key') }, /^tls\.cert cannot be used/);
    refused(
      { ...server, hosts: { 'a.example': { ...server, key: 'none' } } },
      /^tls\.hosts\.a\.example\.key cannot be/,
    );
  });
});
