// Tls: what an operator says of TLS towards an upstream, and what is wrong with it. It reads no file.

import { alpnFault } from '../../tls/options.ts';
import { UPSTREAM_TLS_KEYS, type UpstreamTls, type UpstreamTlsOptions } from '../../tls/outward.ts';
import { checkKeys, isTable, isText, shown, type Where } from '../../values.ts';
import { readHost } from '../host-name.ts';

/** Told of a mistake: where it stands within the upstream, and what is wrong. */
type Bad = (where: Where, message: string) => undefined;

const CHOICES = { min: ['1.2', '1.3'], end: ['strict', 'lenient'] } as const;

/**
 * @param hosts of the targets; null for one that has no host, and no hosts at all with patterns
 * @returns null for an upstream in clear, or when it has complained
 */
export function readUpstreamTls(
  value: unknown,
  hosts: readonly (string | null)[],
  bad: Bad,
): UpstreamTls | null {
  if (value === undefined || value === false) return null;
  const options = value === true ? {} : value;
  if (!isTable(options)) {
    bad(['tls'], `must be true or a table, got ${shown(value)}`);
    return null;
  }
  let failed = false;
  const wrong: Bad = (where, message) => {
    failed = true;
    bad(['tls', ...where], message);
  };
  checkKeys(options, UPSTREAM_TLS_KEYS, [], wrong);
  const { alpn } = options;
  const list = typeof alpn === 'string' ? { alpn: [alpn] } : {};
  const tls: UpstreamTlsOptions = { ...options, ...list };
  checkTexts(tls, wrong);
  checkChoices(tls, wrong);
  const host = hostOf(tls, hosts, wrong);
  return failed ? null : { ...tls, host };
}

function checkTexts(tls: UpstreamTlsOptions, wrong: Bad): void {
  for (const part of ['ca', 'cert', 'key'] as const) {
    if (tls[part] !== undefined && !isText(tls[part])) {
      wrong([part], 'must be a path or a PEM text');
    }
  }
  if (tls.cert !== undefined && tls.key === undefined) wrong(['cert'], 'key is missing');
  if (tls.key !== undefined && tls.cert === undefined) wrong(['key'], 'cert is missing');
  if (tls.ca !== undefined && tls.verify === false) {
    wrong(['ca'], 'is for judging servers, which verify = false does not; keep one of the two');
  }
}

function checkChoices(tls: UpstreamTlsOptions, wrong: Bad): void {
  for (const [name, known] of Object.entries(CHOICES)) {
    const value: unknown = tls[name as keyof typeof CHOICES];
    if (value === undefined || (known as readonly unknown[]).includes(value)) continue;
    wrong([name], `must be one of ${known.join(', ')}, got ${shown(value)}`);
  }
  for (const name of ['tickets', 'starttls', 'verify'] as const) {
    if (tls[name] === undefined || typeof tls[name] === 'boolean') continue;
    wrong([name], `must be true or false, got ${shown(tls[name])}`);
  }
  const fault = tls.alpn === undefined ? null : alpnFault(tls.alpn);
  if (fault !== null) wrong(['alpn'], fault);
}

// Whom certificates must be for where nothing else is known of a connection.
function hostOf(
  { serverName, starttls }: UpstreamTlsOptions,
  hosts: readonly (string | null)[],
  wrong: Bad,
): string {
  if (serverName !== undefined) {
    const host = typeof serverName === 'string' ? hostNamed(serverName) : null;
    if (host === null) {
      wrong(['serverName'], `must be a host name or an address, got ${shown(serverName)}`);
    }
    return host ?? '';
  }
  const [first, ...others] = hosts;
  if (hosts.includes(null)) {
    wrong(['serverName'], 'is missing: a Unix socket does not say whom a certificate must be for');
  }
  if (typeof first !== 'string') return '';
  if (others.every((host) => host === first)) return hostNamed(first) ?? first;
  if (starttls === true) {
    wrong(['serverName'], 'is missing: with starttls the targets must have one name');
  }
  return '';
}

/** As a certificate has it: a name in small letters, or an address without brackets and zone; null for neither. */
export function hostNamed(text: string): string | null {
  const plain = text.replace(/\.$|%.*$/, '');
  return (
    readHost(plain.includes(':') && !plain.startsWith('[') ? `[${plain}]` : plain)?.name ?? null
  );
}
