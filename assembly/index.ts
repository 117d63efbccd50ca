// What an author of a protocol imports from the package: `import { send } from 'wasmpoll/assembly'`.
// The module must also export what the host calls: `export * from 'wasmpoll/assembly/guest'`.

export * from './abi';
export * from './wasmpoll';
