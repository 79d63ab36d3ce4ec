// Unpacks npm's Chromium, its drivers, libraries and Latin font into the folder named: node unpack.mjs FOLDER
import { env, argv } from "node:process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

// The package unpacks into the folder for temporary files, so that is what FOLDER has to be, before it is loaded.
env.TMPDIR = argv[2];
const { inflate } = await import("@sparticuz/chromium");
const packed = join(dirname(fileURLToPath(import.meta.resolve("@sparticuz/chromium"))), "..", "bin");
const parts = ["chromium.br", "swiftshader.tar.br", "al2023.tar.br", "fonts.tar.br"];
await Promise.all(parts.map((part) => inflate(join(packed, part))));
