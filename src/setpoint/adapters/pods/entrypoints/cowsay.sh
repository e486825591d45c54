#!/bin/sh
# A speech bubble over a small animal, for the many examples that call cowsay.
text="${*:-}"
line=$(printf '%s' "$text" | sed 's/./-/g')
printf ' -%s-\n< %s >\n -%s-\n' "$line" "$text" "$line"
cat <<'PICTURE'
    \
     \   ___/~~~\
      \ ( o     \____/
         \_______/~\_\
PICTURE
