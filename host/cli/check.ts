// Check: what can be found wrong with the services of a file before any of them listens. It starts nothing.

import { readFile } from 'node:fs/promises';
import { checkAdmin } from '../admin/admin.ts';
import { checkCrashFolder } from '../crashes/crash-files.ts';
import { checkEngines } from '../engines/open.ts';
import { messageOf, WasmpollError } from '../errors.ts';
import { planAll, Taken } from '../listen/plan.ts';
import { parseListen } from '../listen/spec.ts';
import { loadProtocol } from '../module/source.ts';
import { resolvePolicy } from '../policy.ts';
import type { ServeOptions } from '../server/options.ts';
import type { Service, Services } from '../services/services-file.ts';
import { checkCertificates, checkUpstreamCertificates } from '../tls/check.ts';
import { parseUpstreams } from '../upstreams/spec/read.ts';
import { securedOf } from '../upstreams/spec/secured.ts';

/** What `serve()` takes for a service. Rejects when its configFile cannot be read. */
export async function optionsOf({
  name: _,
  configFile,
  ...service
}: Service): Promise<ServeOptions & { readonly protocol: string }> {
  if (configFile === undefined) return service;
  return { ...service, config: await readFile(configFile) };
}

/** An error as a line of the file: that of the address, the setting or the module that is wrong. */
export function told(services: Services, { name }: Service, error: unknown): string {
  const code = error instanceof WasmpollError ? error.code : (error as { code?: string }).code;
  const keys: Readonly<Record<string, string>> = {
    ERR_ADDRESS: 'listen',
    ERR_TLS: 'listen',
    ERR_POLICY: 'policy',
    ERR_MODULE: 'protocol',
    ERR_GUEST: 'protocol',
    EADDRINUSE: 'listen',
    EACCES: 'listen',
    ENOENT: 'configFile',
  };
  const message = messageOf(error);
  const named = code === 'ERR_OPTION' || code === 'ERR_TLS';
  const option = named ? /^(?:store|topics|crashFolder|upstream)\b/.exec(message)?.[0] : undefined;
  return services.at(name, optionKey(option) ?? keys[code ?? ''] ?? 'protocol', message);
}

// A message names one of them.
const optionKey = (option: string | undefined): string | undefined =>
  option === 'upstream' ? 'upstreams' : option;

/**
 * Looks at addresses, settings that bound each other, engines, modules and files.
 * @returns a line for each mistake
 */
export async function problemsOf(services: Services): Promise<string[]> {
  const problems: string[] = [];
  const attempt = async (service: Service, what: () => unknown): Promise<void> => {
    try {
      await what();
    } catch (error) {
      problems.push(told(services, service, error));
    }
  };
  const taken = new Taken();
  for (const service of services.services) {
    for (const listen of service.listen) {
      await attempt(service, async () => {
        const spec = parseListen(listen);
        const [plan] = await planAll([spec]);
        taken.add(`service.${service.name}`, plan!);
        const { name, tls } = spec;
        if (tls === null) return;
        checkCertificates({ name, options: tls }, resolvePolicy(service.policy));
      });
    }
    for (const upstream of securedOf(parseUpstreams(service.upstreams, 'upstreams'))) {
      const check = (): void => checkUpstreamCertificates(upstream, resolvePolicy(service.policy));
      await attempt(service, check);
    }
    await attempt(service, () => checkEngines(service));
    await attempt(service, () => checkCrashFolder(service.crashFolder));
    await attempt(service, () => optionsOf(service));
    await attempt(service, async () => {
      await loadProtocol(service.protocol, resolvePolicy(service.policy));
    });
  }
  return problems;
}

/** As `problemsOf`, of what the process has for operators. Flags may say otherwise when it serves. */
export async function adminProblemsOf(services: Services): Promise<string[]> {
  const { admin, adminAllowRemote = false } = services;
  if (admin === undefined) return [];
  try {
    await checkAdmin({ listen: admin, allowRemote: adminAllowRemote });
    return [];
  } catch (error) {
    return [services.at(null, 'admin', messageOf(error).replace(/^admin: /, ''))];
  }
}
