#!/usr/bin/env bash
# Builds three.min.js and LICENSES beside this file from npm, at the versions that package.json names. Needs Node.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$here/parts.js" "$work"
cd "$work"
npm install --no-audit --no-fund --silent
npx esbuild parts.js --bundle --minify --format=iife --global-name=AIM3D --target=es2020 --legal-comments=none \
  --outfile=three.min.js
sed 's/<\/script/<\\\/script/g' three.min.js > "$here/three.min.js"
for name in three fflate; do
  echo "$name $(node -p "require('./node_modules/$name/package.json').version")"
  echo
  cat "node_modules/$name/LICENSE"
  echo
done > "$here/LICENSES"
