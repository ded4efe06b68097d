#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# The first process of the guest: binds the two functions to vfio-pci and runs the suite on them. The last test ends the machine.
# Lines that begin with `test result:` are counted outside.
export PATH=/bin HOME=/root RUST_BACKTRACE=0
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
chmod 1777 /tmp
exec </dev/console >/dev/console 2>&1
echo "root:x:0:0::/root:/bin/sh" >/etc/passwd
echo "user:x:1000:1000::/tmp:/bin/sh" >>/etc/passwd
passed=0 failed=0

# check NAME COMMAND...: the command succeeds.
check() {
    name=$1
    shift
    if "$@" >/tmp/said 2>&1; then
        passed=$((passed + 1))
        echo "test guest::$name ... ok"
    else
        failed=$((failed + 1))
        echo "test guest::$name ... FAILED"
        cat /tmp/said
    fi
}

# says STATUS TEXT COMMAND...: it ends with this status and says so.
says() {
    status=$1 text=$2
    shift 2
    "$@" >/tmp/out 2>&1
    got=$?
    cat /tmp/out
    echo "status $got, wanted $status and: $text"
    [ $got = "$status" ] && grep -qF -- "$text" /tmp/out
}

# The suite, all of it or the tests named.
run_suite() {
    if [ $# = 0 ]; then
        suite --color never
    fi
    for test in "$@"; do
        suite --color never "$test"
    done
}

# As an ordinary user who may lock so many KiB.
as_user() {
    limit=$1
    shift
    (ulimit -l "$limit" && exec su user -c "CASEMATE_SUITE_DEVICE=$CASEMATE_SUITE_DEVICE CASEMATE_SUITE_PROGRAM=/bin/casemate $*")
}

functions=
for f in /sys/bus/pci/devices/*; do
    if [ "$(cat $f/vendor) $(cat $f/device)" = "@ID@" ]; then
        functions="$functions ${f##*/}"
    fi
done
set -- $functions
shared=$1 messages=$2
group() { basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")"; }
export CASEMATE_SUITE_PROGRAM=/bin/casemate CASEMATE_SUITE_DEVICE="vfio:$shared"
echo "functions: $functions"

check two_functions [ $# = 2 ]
check doctor_no_vfio says 1 'modprobe vfio-pci' casemate doctor "vfio:$shared"
check open_no_vfio says 1 'modprobe vfio-pci' casemate --device "vfio:$shared" info
check bind_no_vfio says 1 'modprobe vfio-pci' casemate bind "$shared"
for m in irqbypass vfio vfio_iommu_type1 vfio-pci-core vfio-pci; do
    unxz -c <"/modules/$m.ko.xz" >"/tmp/$m.ko" && insmod "/tmp/$m.ko" && rm "/tmp/$m.ko"
done
check doctor_no_function says 1 "Casemate devices here: $shared, $messages" casemate doctor vfio:0000:7f:00.0
check doctor_unbound says 1 "casemate bind $shared" casemate doctor "vfio:$shared"
check bind says 0 "/dev/vfio/$(group "$shared")" casemate bind "$shared"
check bind_again casemate bind "$shared"
check unbind casemate unbind "$shared"
check unbound says 1 "casemate bind $shared" casemate doctor "vfio:$shared"
check bind_short_address casemate bind "${shared#0000:}"
check bind_other casemate bind "$messages"
check bind_as_user says 1 'sudo casemate bind' as_user 65536 casemate bind "$shared"
check doctor_all_well says 0 'self-tests     passed' casemate doctor "vfio:$shared"
check doctor_which says 1 'say which' casemate --device vfio: info

node=/dev/vfio/$(group "$shared")
chmod 0666 /dev/vfio/vfio
check doctor_no_permission says 1 "chown \$USER $node" as_user 65536 casemate doctor "vfio:$shared"
check open_no_permission says 1 "chown \$USER $node" as_user 65536 casemate --device "vfio:$shared" info
chown user "$node"
check doctor_memlock says 1 'prlimit' as_user 64 casemate doctor "vfio:$shared"
check doctor_memlock_poor says 0 'could be locked memory' as_user 16384 casemate doctor "vfio:$shared"
check open_memlock says 1 'prlimit' as_user 64 casemate --device "vfio:$shared" info

echo "as root, memory shared with the server: the whole suite"
run_suite
check bench casemate --device "vfio:$shared" bench --transport --requests 200
cat /tmp/said
echo "as an ordinary user"
for test in files batches_at_depth futures wrapped_keys dma_refused device_reset; do
    as_user 65536 suite --color never $test
done
echo "memory by messages, where the virtual IOMMU refuses"
CASEMATE_SUITE_DEVICE="vfio:$messages" run_suite batches_at_depth dma_refused rings_unmapped device_reset
check the_iommu_refused says 0 "Request device [${messages#0000:}] fault addr 0x1234567000" dmesg
echo 24 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
check huge_pages says 0 'ok       huge pages' casemate doctor "vfio:$shared"
echo "with huge pages"
run_suite megabytes batches_at_depth
check huge_pages_given_back says 0 "24" cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages
result=ok
[ $failed = 0 ] || result=FAILED
echo "test result: $result. $passed passed; $failed failed; 0 ignored"
echo "last, the server killed"
CASEMATE_SUITE_KILL=1 run_suite server_killed
poweroff -f
