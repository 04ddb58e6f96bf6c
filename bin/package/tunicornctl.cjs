#!/usr/bin/env node
require("./start.cjs")("tunicornctl", "control/main.js");
