#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The arrows of the rooms: an #include points down only, never up or sideways, and is never relative.
#   program -> builder/program.h, compat/program.h
#   builder, compat -> oci, tracer/tracer.h, tracer/base     oci -> tracer/base
#   builder/dockerfile, the language alone -> oci/json.h, tracer/base
#   tracer -> tracer                                         tracer/base -> itself
set -u
cd "$(dirname "$0")/../.." || exit 1
status=0
mapfile -t rooms < <(ls -d tracer oci builder compat program 2>/dev/null)
allowed() { # FILE: a pattern of what it may include
	case $1 in
	program/*) echo '^(builder|compat)/program\.h$' ;;
	tracer/base/*) echo '^tracer/base/' ;;
	tracer/*) echo '^(tracer/|shim_)' ;;
	oci/*) echo '^(oci/|tracer/base/)' ;;
	builder/dockerfile/*) echo '^(builder/dockerfile/|oci/json\.h$|tracer/base/)' ;;
	builder/*) echo '^(builder/|oci/|tracer/tracer\.h$|tracer/base/)' ;;
	compat/*) echo '^(compat/|oci/|tracer/tracer\.h$|tracer/base/)' ;;
	esac
}
count=0
while IFS= read -r file; do
	pattern=$(allowed "$file")
	count=$((count + 1))
	while IFS= read -r name; do
		if [[ $name == *..* || ! $name =~ $pattern ]]; then
			echo "$file includes \"$name\", which its room may not"
			status=1
		fi
	done < <(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$file")
done < <(find "${rooms[@]}" -name '*.[chS]' | sort)
if [ "$count" -eq 0 ]; then
	echo "no source file was found"
	status=1
fi

# A library is used from one file (and its header at most), so that it can be swapped and faked.
for library in curl/curl.h jansson.h openssl/ zstd.h zlib.h seccomp.h; do
	users=$(grep -lE "^#[[:space:]]*include[[:space:]]*<$library" -r --include='*.[ch]' "${rooms[@]}" |
		sed 's/\.[ch]$//' | sort -u)
	if [ "$(printf '%s' "$users" | grep -c .)" -gt 1 ]; then
		echo "<$library> is included by more than one module: ${users//$'\n'/ }"
		status=1
	fi
done
exit $status
