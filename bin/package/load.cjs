"use strict";

module.exports = (module) => import(module);
