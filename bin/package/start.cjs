// Starts a command of the installed package, if this Node is new enough. Any Node must be able to read this file, to be
// refused by it: no syntax later than that of 2009. `import` is in a file of its own.
"use strict";

var FLOOR = 24;

module.exports = function start(name, module) {
  var version = process.versions.node;
  var found = process.execPath + " is " + version;
  if (parseInt(version, 10) < FLOOR) {
    console.error("Error: " + name + " needs Node " + FLOOR + " or later; " + found);
    process.exit(1);
  }
  require("./load.cjs")("../lib/" + module);
};
