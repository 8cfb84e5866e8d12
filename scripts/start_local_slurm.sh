#!/usr/bin/env bash
# A real Slurm on this machine alone: munged, slurmctld and slurmd on the loopback, as the user who calls, no systemd.
#   scripts/start_local_slurm.sh [start]   start what does not run; prints the line that points a shell at it
#   scripts/start_local_slurm.sh stop      end it; jobs in it end too
#   eval "$(scripts/start_local_slurm.sh)" start it and point this shell at it
# Needs slurmctld, slurmd and munged, on Debian: apt-get install --no-install-recommends slurm-wlm munge
# A cluster that the machine belongs to is left alone: configuration, key and sockets are in a folder of its own,
# TELLTALE_SLURM, by default telltale-slurm-<user> in the folder for temporary files. It has two nodes, n1 and n2, which
# are this machine; CORES is how many cores each may give away.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
user=$(id -un)
home=${TELLTALE_SLURM:-${TMPDIR:-/tmp}/telltale-slurm-$user}
cores=${CORES:-$(nproc)}
port=${TELLTALE_SLURM_PORT:-16817}
export SLURM_CONF=$home/slurm.conf
nodes=(n1 n2)

fail() { echo "start_local_slurm: $*" >&2; exit 1; }

alive() { [[ -s $home/$1.pid ]] && kill -0 "$(cat "$home/$1.pid" 2>/dev/null)" 2>/dev/null; }

written() { # the configuration; what it says is said in docs/scaling.md
  mkdir -p "$home"/{state,spool-n1,spool-n2,log}
  chmod 700 "$home"
  [[ -s $home/munge.key ]] || (umask 077 && head -c 128 /dev/urandom >"$home/munge.key")
  : >"$home/cgroup.conf" # without it slurmd looks for control groups
  {
    echo "ClusterName=telltale
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$home/munge.socket
StateSaveLocation=$home/state
SlurmdSpoolDir=$home/spool-%n
SlurmctldPidFile=$home/slurmctld.pid
SlurmdPidFile=$home/slurmd-%n.pid
SlurmctldLogFile=$home/log/slurmctld.log
SlurmdLogFile=$home/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
KillWait=5
MinJobAge=3600
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=0"
    local step=1
    for node in "${nodes[@]}"; do
      echo "NodeName=$node NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$((port + step)) CPUs=$cores"
      step=$((step + 1))
    done
    echo "PartitionName=local Nodes=$(IFS=,; echo "${nodes[*]}") Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO"
  } >"$SLURM_CONF"
}

ready() { # every node waits for jobs, or has some
  local states
  states=$(timeout 5 sinfo -h -N -o %T 2>/dev/null) || return 1
  [[ $(grep -cE '^(idle|mixed|allocated)$' <<<"$states") -eq ${#nodes[@]} ]]
}

start() {
  for program in munged slurmctld slurmd sbatch; do
    command -v "$program" >/dev/null ||
      fail "$program is not installed; on Debian: apt-get install --no-install-recommends slurm-wlm munge"
  done
  if ! { alive slurmctld && ready; }; then
    written
    if ! munge -S "$home/munge.socket" -n </dev/null >/dev/null 2>&1; then
      rm -f "$home/munge.socket" "$home/munge.socket.lock"
      munged --force --socket="$home/munge.socket" --key-file="$home/munge.key" --pid-file="$home/munged.pid" \
        --log-file="$home/log/munged.log" --seed-file="$home/munged.seed" 2>>"$home/log/munged.log" ||
        fail "munged does not start, see $home/log/munged.log"
    fi
    alive slurmctld || slurmctld -f "$SLURM_CONF" 2>>"$home/log/slurmctld.log" ||
      fail "slurmctld does not start, see $home/log/slurmctld.log"
    for node in "${nodes[@]}"; do
      alive "slurmd-$node" || slurmd -f "$SLURM_CONF" -N "$node" 2>>"$home/log/slurmd-$node.log" ||
        fail "slurmd does not start, see $home/log/slurmd-$node.log"
    done
    for _ in $(seq 100); do
      ready && break
      sleep 0.2
    done
    ready || fail "no node is ready after 20 s, see $home/log"
  fi
  echo "start_local_slurm: $(sinfo -h -o '%D nodes of %c cores in partition %P are %T') " >&2
  echo "export SLURM_CONF=$SLURM_CONF"
}

stop() {
  if alive slurmctld; then
    timeout 10 scancel --quiet --user="$user" 2>/dev/null || true
    timeout 10 scontrol shutdown 2>/dev/null || true
  fi
  for name in "${nodes[@]/#/slurmd-}" slurmctld munged; do
    for _ in $(seq 50); do
      alive "$name" || break
      kill "$(cat "$home/$name.pid" 2>/dev/null)" 2>/dev/null || true
      sleep 0.1
    done
    alive "$name" && fail "$name does not end, its number is $(cat "$home/$name.pid")"
    rm -f "$home/$name.pid"
  done
  echo "start_local_slurm: it does not run any more" >&2
}

case ${1:-start} in
  start) start ;;
  stop) stop ;;
  *) fail "no such word: $1; start or stop" ;;
esac
