package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// measure runs a command and prints what it took: time by the clock, processor time
// of all its processes, and the most memory that they had together, pages that they
// share counted once: all of it, and what of it is no page of a file, which the
// system cannot take back.
func measure(name string, pictures int, args []string) error {
	c := exec.Command(args[0], args[1:]...)
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	began := time.Now()
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	most, anonymous := 0, 0
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for running := true; running; {
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
			}
			running = false
		case <-tick.C:
			all, own := memory(c.Process.Pid)
			most, anonymous = max(most, all), max(anonymous, own)
		}
	}
	wall := time.Since(began)
	u := c.ProcessState.SysUsage().(*syscall.Rusage)
	user, system := time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())
	fmt.Printf("%-12s %7d pictures in %6.1f s: %5.0f a second; processor %6.1f s (%.1f user, %.1f system), %5.2f ms a picture; %d MiB at most, %d MiB without pages of files\n",
		name, pictures, wall.Seconds(), float64(pictures)/wall.Seconds(), (user + system).Seconds(), user.Seconds(), system.Seconds(),
		(user+system).Seconds()*1000/float64(pictures), most>>10, anonymous>>10)
	return nil
}

// memory is what a process and those that it started have, in KiB: the sum of their
// proportional set sizes, and that of its anonymous part (proc(5), smaps_rollup).
func memory(root int) (sum, anonymous int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, 0
	}
	parent := map[int]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(f) > 1 {
			parent[pid], _ = strconv.Atoi(f[1])
		}
	}
	for pid := range parent {
		at := pid
		for at != root && at > 1 {
			at = parent[at]
		}
		if at != root {
			continue
		}
		rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(rollup)) {
			f := strings.Fields(line)
			if len(f) != 3 {
				continue
			}
			kib, _ := strconv.Atoi(f[1])
			switch f[0] {
			case "Pss:":
				sum += kib
			case "Pss_Anon:":
				anonymous += kib
			}
		}
	}
	return sum, anonymous
}
