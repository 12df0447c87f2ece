import { hostname } from 'node:os';
import { delimiter, join } from 'node:path';
import { Load, Util } from 'config/lib/util.js';
import { messageOf, PpgError } from '../base/errors.ts';
import { issueLines, wordsFor } from '../options/explain.ts';
import { checkOptions, type PpgConfiguration } from '../options/options.ts';
import { type NodeConfig, nodeConfigSchema } from './config-schema.ts';
import { type Environment, ownDirectory, variablesFile } from './variables.ts';

/**
 * Reads the configuration of a standalone gateway: the package's own `config/`, then `config/` of the working
 * directory (or the directories of NODE_CONFIG_DIR), then the environment. Everything is under the key `ppg`, so that
 * an app's own node-config files can lie in the same directory. The only place of the gateway that reads files of
 * configuration or the environment.
 * Throws PPG_E_CONFIG with one line for each value that cannot be used, by its name and its variable.
 */
export function loadConfig(env: Environment = process.env, directory: string = process.cwd()): NodeConfig {
  const own = ownDirectory();
  const given = env['NODE_CONFIG_DIR'] || join(directory, 'config');
  const load = new ConfigFiles({
    configDir: given === own ? own : own + delimiter + given,
    nodeEnv: (env['NODE_CONFIG_ENV'] || env['NODE_ENV'] || 'development').split(','),
    hostName: env['HOSTNAME'] || hostname(),
    appInstance: env['NODE_APP_INSTANCE'],
  });
  let variables: unknown;
  try {
    Util.loadFileConfigs(load);
    variables = load.variables(variablesFile(own), env);
  } catch (error) {
    throw new PpgError('PPG_E_CONFIG', messageOf(error), { cause: error });
  }
  return checkConfig(load.config['ppg'], variableNames(variables));
}

/** The sources of one configuration. node-config's own global instance is left alone: it reads files when imported. */
class ConfigFiles extends Load {
  /** Puts the values of environment variables over those of the files; answers the map of their names. */
  variables(file: string, env: Environment): unknown {
    let names: unknown;
    this.loadFile(file, (map: object) => {
      names = map;
      return this.substituteDeep(map, env);
    });
    return names;
  }
}

/** Option path to variable, as `http.port` to `PPG_HTTP_PORT`. */
function variableNames(map: unknown): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const walk = (node: unknown, path: readonly string[]): void => {
    if (typeof node === 'string') names.set(path.slice(1).join('.'), node);
    else if (typeof node === 'object' && node !== null) {
      for (const [key, value] of Object.entries(node)) walk(value, [...path, key]);
    }
  };
  walk(map, []);
  return names;
}

function checkConfig(raw: unknown, variables: ReadonlyMap<string, string>): NodeConfig {
  const named = (path: string): string => {
    // an item of a list is named by the list's variable
    let [variable, parent] = [variables.get(path), path];
    while (variable === undefined && parent.includes('.')) {
      parent = parent.slice(0, parent.lastIndexOf('.'));
      variable = variables.get(parent);
    }
    return variable === undefined ? `ppg.${path}` : `ppg.${path} (${variable})`;
  };
  /** Takes `path: what`. No cause: it would say the same again, in another form. */
  const refuse = (lines: readonly string[]): never => {
    const told = lines.map((line) => {
      const colon = line.indexOf(': ');
      return `${named(line.slice(0, colon))}: ${line.slice(colon + 2)}`;
    });
    throw new PpgError('PPG_E_CONFIG', `the configuration cannot be used:\n  ${told.join('\n  ')}`);
  };
  const result = nodeConfigSchema.safeParse(raw, { error: wordsFor });
  if (!result.success) return refuse(issueLines(result.error.issues));
  try {
    checkOptions(gatewayConfiguration(result.data));
  } catch (error) {
    return refuse(messageOf(error).split('\n  ').slice(1)); // checkOptions says a line for each
  }
  return result.data;
}

/** MSRP listens where SIP does; `listen: false` in a file is for gateways that nobody connects to. */
function msrpOf({ msrp, sip: { host, advertise } }: NodeConfig): unknown {
  if (msrp?.enabled !== true) return false;
  const { enabled: _, port, ...given } = msrp;
  return { listen: { host, port }, ...(advertise !== undefined && { advertise }), ...given };
}

/** What of a node's configuration is the gateway's own. Its next hop and direct leg depend on what runs beside it. */
export function gatewayConfiguration(config: NodeConfig): PpgConfiguration {
  const { domain, identity, store, initiators, auth, block, sip, limits, retry, notify, addresses, qos, content } =
    config;
  const { host: _host, advertise: _advertise, trace: _trace, tls: givenTls, ...ofGateway } = sip;
  const { port: _, ...tls } = givenTls ?? {};
  // What is still unknown here is what checkOptions checks.
  return {
    domain,
    identity,
    store,
    initiators,
    auth,
    block,
    secret: config.secret,
    sip: { ...ofGateway, tls },
    limits,
    retry,
    notify,
    addresses,
    qos,
    pap: config.pap,
    content,
    msrp: msrpOf(config),
  } as PpgConfiguration;
}
