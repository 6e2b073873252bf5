#!/usr/bin/env bash
# What `sam local` needs beside the SAM command line:  sam-local-setup.sh FOLDER   (also: FOLDER check, FOLDER stop)
#
# Where Docker answers, nothing. Where only podman is installed: its service on a socket of its own in FOLDER and,
# since that may be offline, a stand-in for AWS's runtime image, made of this machine's CPython 3.13. The stand-in is
# no Amazon Linux, but the same interpreter, the same emulator and the same layer. FOLDER/env.sh says where it all is.
set -euo pipefail
MINOR=3.13
PATH=$PATH:/usr/sbin:/sbin # ldconfig
TOOLS=$(dirname "$(readlink -f "$0")")
ROOT=$(dirname "$(dirname "$TOOLS")")
mkdir -p "$1"
WORK=$(readlink -f "$1")
IMAGE=public.ecr.aws/lambda/python:$MINOR-x86_64

fail() { echo "sam local: $*" >&2; exit 1; }

main() {
  if [ "${2:-}" = stop ]; then stop
  elif [ "${2:-}" = check ]; then docker info >/dev/null 2>&1 || require_podman
  elif docker info >/dev/null 2>&1; then echo "export AWS_MAX_ATTEMPTS=1" >"$WORK/env.sh"
  else
    require_podman
    configure
    # shellcheck source=/dev/null
    . "$WORK/env.sh"
    service
    podman image exists "$IMAGE" || image
  fi
}

require_podman() {
  local podman_machine=
  ! command -v podman >/dev/null || podman_machine=$(uname -m)
  if [ "$podman_machine" != x86_64 ] && command -v docker >/dev/null; then
    fail "Docker is installed, but its daemon does not answer: start it, or see what \`docker info\` reports"
  fi
  [ -n "$podman_machine" ] || fail "needs Docker, or podman and runc (apt-get install podman runc busybox-static)"
  [ "$podman_machine" = x86_64 ] || fail "the stand-in image is made for x86_64 only; use Docker here"
}

stop() {
  # A `sam local` that was killed leaves its containers running.
  # shellcheck source=/dev/null
  if [ -f "$WORK/containers.conf" ]; then . "$WORK/env.sh"; podman rm --all --force --time 1 >/dev/null 2>&1 || true; fi
  [ ! -f "$WORK/service.pid" ] || stop_service "$(cat "$WORK/service.pid")"
  rm -f "$WORK/service.pid"
  # podman leaves its storage mounted, and a mounted folder cannot be deleted. The last mount goes first.
  if [ -r /proc/mounts ]; then
    awk -v work="$WORK/" 'index($2, work) == 1 { print $2 }' /proc/mounts | tac | xargs -r -n 1 umount || true
  fi
}

stop_service() {
  # After a restart of the machine, the id may belong to another process.
  grep -q podman "/proc/$1/cmdline" 2>/dev/null || return 0
  kill "$1" 2>/dev/null || true
  for _ in $(seq 50); do kill -0 "$1" 2>/dev/null || return 0; sleep 0.1; done
}

configure() {
  [ "${#WORK}" -lt 90 ] || fail "$WORK is too long for the name of a socket"
  # runc, because crun refuses mixed cgroups. Equal limits, because podman's Docker API swaps soft and hard ones.
  cat >"$WORK/containers.conf" <<CONF
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[containers]
pids_limit = 0
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
CONF
  cat >"$WORK/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "$WORK/storage"
runroot = "$WORK/run"
CONF
  # One attempt: SAM asks AWS for the account's number first and does without when nobody answers.
  cat >"$WORK/env.sh" <<CONF
export CONTAINERS_CONF=$WORK/containers.conf CONTAINERS_STORAGE_CONF=$WORK/storage.conf
export DOCKER_HOST=unix://$WORK/podman.sock AWS_MAX_ATTEMPTS=1
export AWS_ACCESS_KEY_ID=\${AWS_ACCESS_KEY_ID:-local} AWS_SECRET_ACCESS_KEY=\${AWS_SECRET_ACCESS_KEY:-local}
CONF
}

service() {
  if [ -f "$WORK/service.pid" ] && kill -0 "$(cat "$WORK/service.pid")" 2>/dev/null; then return; fi
  setsid podman system service --time=0 "unix://$WORK/podman.sock" >"$WORK/service.log" 2>&1 </dev/null &
  echo $! >"$WORK/service.pid"
  for _ in $(seq 50); do [ -S "$WORK/podman.sock" ] && return; sleep 0.1; done
  fail "podman's service did not start: $(tail -n 1 "$WORK/service.log")"
}

image() {
  [ -x /bin/busybox ] || fail "the stand-in image needs busybox (apt-get install busybox-static)"
  local python root
  python=$("$TOOLS/find-python.sh" $MINOR)
  root=$(mktemp -d "$WORK/rootfs.XXXX")
  userland "$root"
  interpreter "$root" "$("$python" -c 'import sys; print(sys.base_prefix)')"
  "$ROOT/.venv/.uv" pip install -q --python "$python" --link-mode copy --require-hashes \
    --target "$root/var/runtime" -r "$ROOT/make/requirements/managed.txt"
  entrypoint "$root"
  tar -C "$root" -c . | podman import -q --change 'ENTRYPOINT ["/lambda-entrypoint.sh"]' \
    --change 'WORKDIR /var/task' - "$IMAGE" >/dev/null
  rm -rf "$root"
}

userland() {
  local root=$1 name
  mkdir -p "$root"/{bin,usr/bin,usr/local/bin,etc/ssl,tmp,proc,sys,dev,opt,root,var/lang/bin,var/lang/lib,var/runtime,var/task,var/rapid,lib64}
  chmod 1777 "$root/tmp"
  cp /bin/busybox "$root/bin/"
  for name in sh mv cp rm chmod ls cat env mkdir sleep id; do ln -s busybox "$root/bin/$name"; done
  ln -s /bin/env "$root/usr/bin/env"
  echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
  echo 'root:x:0:' >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  cp -a /etc/ssl/certs "$root/etc/ssl/"
}

# The interpreter, and every shared library that it, its modules or a wheel may ask for.
interpreter() {
  local root=$1 prefix=$2 library name
  cp -L "$prefix/bin/python$MINOR" "$root/var/lang/bin/"
  ln -s python$MINOR "$root/var/lang/bin/python3"
  cp -a "$prefix/lib/python$MINOR" "$root/var/lang/lib/"
  cp -a "$prefix"/lib/libpython$MINOR*.so* "$root/var/lang/lib/" 2>/dev/null || true
  (cd "$root/var/lang/lib/python$MINOR" && rm -rf test idlelib turtledemo ensurepip tkinter config-* site-packages/*)
  for name in libstdc++.so.6 libgcc_s.so.1 libnss_files.so.2 libnss_dns.so.2 libresolv.so.2 libpthread.so.0 libdl.so.2 librt.so.1; do
    ldconfig -p | awk -v name=$name '$1 == name && !seen++ { print $NF }'
  done >"$WORK/libraries"
  xargs ldd "$prefix/bin/python$MINOR" "$prefix/lib/python$MINOR"/lib-dynload/*.so <"$WORK/libraries" 2>/dev/null |
    awk '/=> \// { print $3 } $1 ~ /^\/lib/ && !/:$/ { print $1 }' | grep -v "$prefix" | sort -u >>"$WORK/libraries"
  while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done <"$WORK/libraries"
}

entrypoint() {
  local root=$1 emulator
  emulator=$(echo "$ROOT"/.work/sam/lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64)
  cp "$emulator" "$root/usr/local/bin/aws-lambda-rie"
  cat >"$root/var/runtime/bootstrap" <<BOOT
#!/bin/sh
export LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime LANG=en_US.UTF-8 TZ=:UTC
export PATH=/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin
export LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/task:/var/task/lib:/opt/lib
exec "\$AWS_LAMBDA_EXEC_WRAPPER" /var/lang/bin/python$MINOR /var/runtime/bootstrap.py
BOOT
  cat >"$root/lambda-entrypoint.sh" <<'BOOT'
#!/bin/sh
export _HANDLER="$1"
[ -n "${AWS_LAMBDA_RUNTIME_API:-}" ] && exec /var/runtime/bootstrap
exec /usr/local/bin/aws-lambda-rie /var/runtime/bootstrap
BOOT
  chmod +x "$root/var/runtime/bootstrap" "$root/lambda-entrypoint.sh"
}

main "$@"
