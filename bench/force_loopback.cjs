// Portkey's server takes no host and would listen on every interface: keep it on loopback.
'use strict';
const { Server } = require('node:net');

const HOST = '127.0.0.1';
const listen = Server.prototype.listen;
const isPort = (value) => value !== null && typeof value !== 'object' && /^\d+$/.test(String(value));

Server.prototype.listen = function (first, ...rest) {
  if (isPort(first)) {
    const after = typeof rest[0] === 'string' || rest[0] == null ? rest.slice(1) : rest;
    return listen.call(this, Number(first), HOST, ...after);
  }
  if (first && first.port !== undefined) return listen.call(this, { ...first, host: HOST }, ...rest);
  return listen.call(this, first, ...rest);
};
