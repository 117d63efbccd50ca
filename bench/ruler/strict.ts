// An observer for reactors that are measured: nothing is told, and whatever goes wrong is thrown.

import type { Observer } from '../../host/reactor/observer.ts';

export const strict: Observer = {
  open: null,
  data: null,
  close: null,
  restart: ({ why }) => {
    throw new Error(why);
  },
  failure: (error) => {
    throw error;
  },
  fault: ({ reason }) => {
    throw new Error(`a connection was ended for the reason ${reason}`);
  },
  log: () => true,
};
