package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/checkpoint"
)

func TestExitCode(t *testing.T) {
	cancelled := func(cause error) context.Context {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(cause)
		return ctx
	}
	plain := context.Background()
	for _, tt := range []struct {
		name string
		ctx  context.Context
		err  error
		want int
	}{
		{"done", plain, nil, 0},
		{"done although a signal came late", cancelled(pipeline.ErrInterrupted), nil, 0},
		{"any other", plain, errors.New("x"), 1},
		{"configuration", plain, &exitError{exitConfiguration, errors.New("x")}, 2},
		{"wrapped", plain, fmt.Errorf("crawl: %w", &exitError{exitPartial, errors.New("x")}), 3},
		{"no space", plain, fmt.Errorf("write: %w", &fs.PathError{Op: "write", Err: syscall.ENOSPC}), 4},
		{"read-only", plain, &fs.PathError{Op: "open", Err: syscall.EROFS}, 4},
		{"nothing kept", plain, fmt.Errorf("match: %w", pipeline.ErrNothingKept), 3},
		{"locked", plain, &pipeline.LockedError{}, 75},
		{"no GPU", plain, fmt.Errorf("eval.device: %w", backend.Ready("cuda:7")), 2},
		{"asked for too early", plain, fmt.Errorf("embed: %w", shard.ErrUnfinished), 2},
		{"damaged", plain, fmt.Errorf("match: %w", &shard.DamagedPart{}), 4},
		{"a damaged checkpoint", plain, fmt.Errorf("train: %w", &checkpoint.Damaged{}), 4},
		{"another error while a signal came", cancelled(pipeline.ErrTerminated), &fs.PathError{Op: "write", Err: syscall.ENOSPC}, 4},
		{"interrupted", cancelled(pipeline.ErrInterrupted), context.Canceled, 130},
		{"interrupted with work kept", cancelled(pipeline.ErrInterrupted), fmt.Errorf("fetch: %w", &pipeline.StoppedError{Cause: pipeline.ErrInterrupted, Kept: "all"}), 130},
		{"terminated", cancelled(pipeline.ErrTerminated), context.Canceled, 143},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := exitCode(pipeline.Stopped(tt.ctx, tt.err)); got != tt.want {
				t.Errorf("exit code %d, want %d", got, tt.want)
			}
		})
	}
}

// withList are settings that name a query list.
func withList(name string) map[string]string {
	values := testSettings("http://127.0.0.1:1/")
	values["match.queries"] = name
	return values
}

func TestExitCodesOfTheProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	empty := t.TempDir()
	for _, tt := range []struct {
		name string
		args []string
		want int
	}{
		{"help", []string{"--help"}, 0},
		{"no configuration", []string{"run", "-C", empty}, 2},
		{"unknown command", []string{"crawll"}, 2},
		{"unknown flag", []string{"run", "--forse"}, 2},
		{"flag without its value", []string{"run", "-C"}, 2},
		{"a flag that is required", []string{"demo"}, 2},
		{"a file where none is taken", []string{"status", "cats"}, 2},
		{"no folder to serve", []string{"serve"}, 2},
		{"no query", []string{"search"}, 2},
		{"an empty query", []string{"search", ""}, 2},
		{"a blank query", []string{"search", " \t"}, 2},
		{"a seed that is no address", []string{"init", "-C", empty, "--seed", "notaurl"}, 2},
		{"no such list", []string{"queries", "info", "--list", filepath.Join(empty, "none.zst")}, 2},
		{"a text for a list", []string{"queries", "lookup", "fox", "--list", "testdata/README.md"}, 2},
		{"no command of queries", []string{"queries", "bild"}, 2},
		{"an unknown stage", []string{"run", "-C", empty, "--to", "reprot"}, 2},
		{"stages in the wrong order", []string{"run", "-C", empty, "--from", "train", "--to", "crawl"}, 2},
		{"less than no time", []string{"train", "-C", empty, "--max-duration", "-1h"}, 2},
		{"nothing to explain", []string{"explain"}, 2},
		{"a query list that is not there", []string{"run", "-C", newFolder(t, withList("none.zst"))}, 2},
		{"a text for a query list", []string{"match", "-C", newFolder(t, withList("pairloom.yaml"))}, 2},
		{"a pair id that nobody knows", []string{"explain", "-C", newFolder(t, testSettings("http://127.0.0.1:1/")), "0123456789abcdef"}, 3},
		{"what is neither address nor id", []string{"explain", "-C", newFolder(t, testSettings("http://127.0.0.1:1/")), "not a url"}, 3},
		{"nothing kept", []string{"crawl", "-C", newFolder(t, testSettings("http://127.0.0.1:1/"))}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if code, stdout, stderr := pairloom(t, tt.args...); code != tt.want {
				t.Errorf("exit %d, want %d\n%s%s", code, tt.want, stdout, stderr)
			}
		})
	}
	if _, stdout, _ := pairloom(t, "--help"); !strings.Contains(stdout, "75  another process has the folder's lock") {
		t.Errorf("help does not list the exit codes:\n%s", stdout)
	}
}

// TestWrongSettingIsToldOnce holds that nothing is told beside the error of a set that
// is not there: not that metrics lack something for the same reason.
func TestWrongSettingIsToldOnce(t *testing.T) {
	t.Setenv(asProgram, "1") // for the children of what runs in this process
	dir := finished(t)
	file := filepath.Join(dir, config.FileName)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "\n  against: []", "\n  against: [../nosuch]", 1)
	if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run([]string{"curate", "-C", dir}, &out, &errs)
	missing, err := filepath.Abs(filepath.Join(dir, "../nosuch"))
	if err != nil {
		t.Fatal(err)
	}
	if code != exitConfiguration || !strings.Contains(errs.String(), missing) || strings.Contains(errs.String(), "metrics lack") {
		t.Errorf("exit %d, want %d, %s named, and no word of metrics:\n%s", code, exitConfiguration, missing, errs.String())
	}
}
