// Reads file names from standard input, one per line, and prints one JSON line per file:
// {"file": name, "problems": [text, ...]}.
"use strict";

const fs = require("fs");
const { createRequire } = require("module");

const modules = createRequire(process.argv[2]);
const validate = modules("asl-validator");

const options = { checkPaths: true, checkArn: true };

function text(error) {
  return `${error["Error code"]}: ${error.Message}`;
}

for (const file of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  let problems;
  try {
    const result = validate(JSON.parse(fs.readFileSync(file, "utf8")), options);
    problems = [...new Set(result.errors.map(text))];
    if (!result.isValid && problems.length === 0) {
      problems = ["invalid, without a reason"];
    }
  } catch (error) {
    problems = [String(error)];
  }
  console.log(JSON.stringify({ file, problems }));
}
