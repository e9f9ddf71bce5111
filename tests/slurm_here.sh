#!/bin/sh
# A Slurm of three nodes of one CPU on this machine, for the tests of launchers that need one. As root
# on Debian, after: apt-get install slurmctld slurmd slurmdbd slurm-client munge mariadb-server
#   tests/slurm_here.sh start FOLDER; SLURM_CONF=FOLDER/slurm.conf make devices
#   tests/slurm_here.sh stop FOLDER
set -eu
folder=$2 host=$(hostname -s)

stop() {
    for file in "$folder"/*.pid; do
        [ -f "$file" ] && kill "$(cat "$file")" || true
    done
}

start() {
    mkdir -p "$folder/database" "$folder/state"
    export SLURM_CONF="$folder/slurm.conf"
    # Submitit asks the accounts what has become of a job.
    cat >"$folder/slurmdbd.conf" <<END
AuthType=auth/munge
DbdHost=localhost
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=16816
StorageUser=slurm
StoragePass=slurm
LogFile=$folder/slurmdbd.log
PidFile=$folder/slurmdbd.pid
END
    chmod 600 "$folder/slurmdbd.conf"
    # A job that is queued again waits until its credential has expired.
    cat >"$SLURM_CONF" <<END
ClusterName=here
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=17001 CPUs=1
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=17002 CPUs=1
NodeName=n3 NodeHostname=$host NodeAddr=127.0.0.1 Port=17003 CPUs=1
PartitionName=main Nodes=n[1-3] Default=YES State=UP
END
    munge -n >"$folder/munge" 2>&1 || {
        mkdir -p /run/munge && chown munge: /run/munge && su -s /bin/sh munge -c munged
    }
    chown -R mysql: "$folder/database"
    [ -d "$folder/database/mysql" ] ||
        mariadb-install-db --user=mysql --datadir="$folder/database" >"$folder/mariadb.log"
    mariadbd --user=mysql --datadir="$folder/database" --port=16816 --bind-address=127.0.0.1 \
        --socket="$folder/database/socket" --pid-file="$folder/database/pid" \
        >>"$folder/mariadb.log" 2>&1 &
    echo $! >"$folder/mariadb.pid"
    within "mariadb --socket='$folder/database/socket' -e \"grant all on *.* to slurm@'localhost' identified by 'slurm'\""
    slurmdbd
    within "sacctmgr --readonly show cluster"
    slurmctld
    # Threads decide how a CPU adds up: every job has one core, as `--cpus 1` says.
    for node in n1 n2 n3; do taskset -c 0 slurmd -N "$node"; done
    within "sinfo | grep 3 | grep idle"
}

within() { # a minute
    for _ in $(seq 60); do
        sh -c "$1" >>"$folder/waiting.log" 2>&1 && return
        sleep 1
    done
    echo "not within a minute: $1; see $folder" >&2 && return 1
}

"$1"
