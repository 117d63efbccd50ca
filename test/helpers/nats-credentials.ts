// NATS credentials: an operator, an account and a user of the test's own, as `nsc` makes them.

import { nkeys } from '@nats-io/transport-node';

export interface NatsCredentials {
  /** Lines for the server's configuration file. */
  readonly configuration: string;
  /** What a `.creds` file of the user has. */
  readonly file: string;
}

type KeyPair = ReturnType<typeof nkeys.createUser>;

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function token(issuer: KeyPair, subject: KeyPair, nats: object): string {
  const [iss, sub] = [issuer.getPublicKey(), subject.getPublicKey()];
  const claims = { jti: 'test', iat: 0, iss, sub, name: 'test', nats: { ...nats, version: 2 } };
  const signed = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(claims)}`;
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString('base64url')}`;
}

export function natsCredentials(): NatsCredentials {
  const [operator, account] = [nkeys.createOperator(), nkeys.createAccount()];
  const user = nkeys.createUser();
  const unlimited = { subs: -1, data: -1, payload: -1 };
  const limits = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const accountToken = token(operator, account, { type: 'account', limits });
  const userToken = token(account, user, { type: 'user', pub: {}, sub: {}, ...unlimited });
  return {
    configuration: [
      `operator: ${token(operator, operator, { type: 'operator' })}`,
      'resolver: MEMORY',
      `resolver_preload: { ${account.getPublicKey()}: ${accountToken} }`,
    ].join('\n'),
    file: [
      `-----BEGIN NATS USER JWT-----\n${userToken}\n------END NATS USER JWT------\n`,
      `-----BEGIN USER NKEY SEED-----\n${new TextDecoder().decode(user.getSeed())}`,
      '------END USER NKEY SEED------\n',
    ].join('\n'),
  };
}
