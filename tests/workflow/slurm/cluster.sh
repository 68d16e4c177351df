#!/usr/bin/env bash
# A SLURM cluster on one machine for as long as one command runs:
#
#   tests/workflow/slurm/cluster.sh COMMAND [ARGUMENT...]
#
# munged, slurmctld and two slurmd, node1 and node2, from a configuration in a temporary folder. The
# command finds the cluster through SLURM_CONF, and the folder, with all logs, in SLURM_CLUSTER.
# When it ends, however it ends, the daemons and their jobs end and the folder goes, unless
# SLURM_KEEP=1 is set. Nothing outside of the folder is touched, except that Debian's packages are
# installed where they are missing (as root).
set -euo pipefail
(($#)) || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
PATH="$PATH:/usr/sbin:/sbin"

needed=(munged mungekey slurmctld slurmd sbatch)
missing() { for program in "${needed[@]}"; do command -v "$program" >/dev/null || echo "$program"; done; }
if [[ -n $(missing) ]]; then
	if ((EUID)) || ! command -v apt-get >/dev/null; then
		echo "error: not found: $(missing | xargs); Debian has them in munge, slurmctld, slurmd and" \
			"slurm-client" >&2
		exit 1
	fi
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
		munge slurmctld slurmd slurm-client >/dev/null
fi

folder=$(mktemp -d /tmp/slurm-XXXXXX) # a short name: sockets are in it
chmod 755 "$folder" # munge wants it so
host=$(hostname -s)
daemons=() command=
set -m # each in a process group of its own: an interruption reaches this script alone

stop() {
	local code=$?
	trap - EXIT
	trap '' INT TERM HUP
	if [[ -n $command ]] && kill -TERM -- "-$command" 2>/dev/null; then gone "$command" 300; fi
	if ((${#daemons[@]} > 1)); then # this cluster's jobs, no other's
		timeout 20 scancel --user "$(id -un)" || true
		for ((try = 0; try < 100; try++)); do
			[[ -n $(timeout 20 squeue --noheader) ]] || break
			sleep 0.2
		done
	fi
	for ((k = ${#daemons[@]} - 1; k >= 0; k--)); do
		kill -TERM "${daemons[k]}" 2>/dev/null || true
		gone "${daemons[k]}" 100
	done
	if [[ ${SLURM_KEEP:-} == 1 ]]; then echo "kept: $folder" >&2; else rm -rf "$folder"; fi
	exit "$code"
}

gone() { # PROCESS TENTHS: waits for its end, and puts one to it after so many tenths of a second
	for ((tenth = 0; tenth < $2; tenth++)); do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.1
	done
	kill -KILL -- "-$1" 2>/dev/null || true
}

trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

begin() { # NAME COMMAND...: a daemon in the foreground of a process of its own, its words in NAME.out
	"${@:2}" >"$folder/$1.out" 2>&1 &
	daemons+=($!)
}

until_() { # COMMAND: until it succeeds, or a daemon died, or a minute went by
	for ((try = 0; try < 300; try++)); do
		if "$@" >/dev/null 2>&1; then return; fi
		for daemon in "${daemons[@]}"; do kill -0 "$daemon" 2>/dev/null || break 2; done
		sleep 0.2
	done
	echo "error: the cluster does not start; its last words:" >&2
	tail -n 5 "$folder"/*.out "$folder"/*.log >&2
	exit 1
}

# Three ports that nobody listens on
read -r control port1 port2 < <(python3 -c '
import socket
sockets = [socket.socket() for _ in range(3)]
for each in sockets:
    each.bind(("127.0.0.1", 0))
print(*(each.getsockname()[1] for each in sockets))')

mungekey --create --keyfile "$folder/munge.key"
begin munged munged --foreground --force --key-file "$folder/munge.key" \
	--socket "$folder/munge.socket" --pid-file "$folder/munged.pid" \
	--seed-file "$folder/munged.seed" --log-file "$folder/munged.log"

mkdir "$folder"/{bin,state,node1,node2}
export SLURM_CLUSTER=$folder SLURM_CONF=$folder/slurm.conf
# Snakemake's plugin calls srun without SLURM_CONF, since clusters have a slurm.conf in /etc/slurm
printf '#!/bin/sh\nSLURM_CONF=%s exec %s "$@"\n' "$SLURM_CONF" "$(command -v srun)" >"$folder/bin/srun"
chmod +x "$folder/bin/srun"
PATH="$folder/bin:$PATH"
cat >"$SLURM_CONF" <<CONF
ClusterName=proof
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$control
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/%n.log
# Without cgroups, and with as many processors and as much memory as we say
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
MpiDefault=none
ReturnToService=2
KillWait=5
MinJobAge=86400
NodeName=node1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$port1 CPUs=2 RealMemory=16000
NodeName=node2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$port2 CPUs=2 RealMemory=16000
# Not the default: jobs must ask for it
PartitionName=proof Nodes=node1,node2 Default=NO MaxTime=INFINITE State=UP
CONF
until_ munge --socket "$folder/munge.socket" --no-input

begin slurmctld slurmctld -D -f "$SLURM_CONF"
begin node1 slurmd -D -N node1 -f "$SLURM_CONF"
begin node2 slurmd -D -N node2 -f "$SLURM_CONF"
ready() { [[ $(sinfo --noheader --format %t --nodes node1,node2) == idle ]]; }
until_ ready

"$@" <&0 &
command=$!
wait "$command"
