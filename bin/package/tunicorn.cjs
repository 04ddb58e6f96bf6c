#!/usr/bin/env node
require("./start.cjs")("tunicorn", "main.js");
