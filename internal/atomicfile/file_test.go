package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// names lists what lies in a folder: "name", or "name -> target" for a link.
func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		name := e.Name()
		if target, err := os.Readlink(filepath.Join(folder, name)); err == nil {
			name += " -> " + target
		}
		list = append(list, name)
	}
	return list
}

// lay makes a folder with the files and links described as names does; a file's
// content is "old", and what ends in / is a folder.
func lay(t *testing.T, list ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, l := range list {
		name, target, link := strings.Cut(l, " -> ")
		path := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		switch {
		case err != nil:
		case link:
			err = os.Symlink(target, path)
		case strings.HasSuffix(name, "/"):
			err = os.Mkdir(path, 0o755)
		default:
			err = os.WriteFile(path, []byte("old"), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestWriteFile(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before string // what there is, a word each but for " -> "
		path   string
		lies   string // where the content is to lie
		after  string // what is to be at the top
	}{
		{"new", "", "a", "a", "a"},
		{"in a new folder", "", "f/g/a", "f/g/a", "f"},
		{"instead of another", "a", "a", "a", "a"},
		{"over what a killed writer left", "a.writing", "a", "a", "a"},
		{"link", "b|a -> b", "a", "b", "a -> b|b"},
		{"link to a link", "c|b -> c|a -> b", "a", "c", "a -> b|b -> c|c"},
		{"link to what is not there yet", "a -> b", "a", "b", "a -> b|b"},
		{"link into a folder that is not there yet", "a -> f/b", "a", "f/b", "a -> f/b|f"},
		{"link into another folder", "f/b|a -> f/b", "a", "f/b", "a -> f/b|f"},
		{"link upwards", "f/a -> ../b", "f/a", "b", "b|f"},
		{"link upwards from a folder that is a link", "f/g/a -> ../b|d -> f/g", "d/a", "f/b", "d -> f/g|f"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before []string
			if tt.before != "" {
				before = strings.Split(tt.before, "|")
			}
			root := lay(t, before...)
			if err := WriteFile(filepath.Join(root, tt.path), []byte("new")); err != nil {
				t.Fatal(err)
			}
			if data, err := os.ReadFile(filepath.Join(root, tt.lies)); err != nil || string(data) != "new" {
				t.Errorf("%s holds %q, %v", tt.lies, data, err)
			}
			if got := strings.Join(names(t, root), "|"); got != tt.after {
				t.Errorf("the folder has %s, want %s", got, tt.after)
			}
			if left, err := Sweep(filepath.Dir(filepath.Join(root, tt.lies))); err != nil || left != 0 {
				t.Errorf("%d temporary files are left, %v", left, err)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name, before, path, want string
	}{
		{"folder", "f/", "f", "it is a folder"},
		{"link to a folder", "f/|a -> f", "a", "it is a folder"},
		{"links in a ring", "a -> b|b -> a", "a", "too many levels of symbolic links"},
		{"a file in place of the folder", "f", "f/a", "not a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := strings.Split(tt.before, "|")
			root := lay(t, before...)
			path := filepath.Join(root, tt.path)
			there := names(t, root)
			if err := WriteFile(path, []byte("new")); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("WriteFile = %v, want %q and the path", err, tt.want)
			}
			if got := names(t, root); !slices.Equal(got, there) {
				t.Errorf("the folder has %q, had %q", got, there)
			}
		})
	}
}

// TestPipe holds that the reader of a pipe gets the content, and that the pipe
// stays.
func TestPipe(t *testing.T) {
	for _, link := range []bool{false, true} {
		root := t.TempDir()
		pipe := filepath.Join(root, "p")
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		path := pipe
		if link {
			path = filepath.Join(root, "a")
			if err := os.Symlink("p", path); err != nil {
				t.Fatal(err)
			}
		}
		written := make(chan error, 1)
		go func() { written <- WriteFile(path, []byte("new")) }()
		f, err := os.Open(pipe) // waits for the writer, as the writer waits for it
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(f)
		f.Close()
		if err != nil || string(data) != "new" {
			t.Errorf("the reader got %q, %v", data, err)
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
		if info, err := os.Lstat(pipe); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
			t.Errorf("the pipe is %v, %v", info, err)
		}
		if link && !slices.Equal(names(t, root), []string{"a -> p", "p"}) {
			t.Errorf("the folder has %q", names(t, root))
		}
	}
}

// TestDevice writes to a node of its own with the numbers of the full device.
func TestDevice(t *testing.T) {
	root := t.TempDir()
	for _, tt := range []struct {
		name  string
		minor uint32
		want  error
	}{{"null", 3, nil}, {"full", 7, syscall.ENOSPC}} {
		node := filepath.Join(root, tt.name)
		if err := unix.Mknod(node, unix.S_IFCHR|0o600, int(unix.Mkdev(1, tt.minor))); err != nil {
			t.Skipf("making a device node needs root: %v", err)
		}
		err := WriteFile(node, []byte("new"))
		if errors.Is(err, fs.ErrPermission) {
			t.Skip("the file system has no devices")
		}
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: WriteFile = %v, want %v", tt.name, err, tt.want)
		}
		if info, err := os.Lstat(node); err != nil || info.Mode().Type() != fs.ModeDevice|fs.ModeCharDevice {
			t.Errorf("%s: the device is %v, %v", tt.name, info, err)
		}
	}
	if got := names(t, root); !slices.Equal(got, []string{"full", "null"}) {
		t.Errorf("the folder has %q", got)
	}
}

func TestNothingAppearsBeforeCommit(t *testing.T) {
	for _, end := range []string{"discard", "an error of the content"} {
		root := lay(t, "a")
		path := filepath.Join(root, "a")
		fault := errors.New("no more")
		if end == "discard" {
			f, err := Create(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write([]byte("new")); err != nil {
				t.Fatal(err)
			}
			if got := names(t, root); !slices.Equal(got, []string{"a", "a" + Suffix}) {
				t.Errorf("while writing, the folder has %q", got)
			}
			f.Discard()
		} else if err := WriteStream(path, func(w io.Writer) error { w.Write([]byte("new")); return fault }); !errors.Is(err, fault) || !strings.Contains(err.Error(), path) {
			t.Errorf("WriteStream = %v", err)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != "old" || len(names(t, root)) != 1 {
			t.Errorf("%s: the file holds %q, %v; the folder has %q", end, data, err, names(t, root))
		}
	}
}

func TestSweep(t *testing.T) {
	root := lay(t, "a", "a"+Suffix, "b"+Suffix, "c"+Suffix+"/d", "writing")
	if n, err := Sweep(root); n != 2 || err != nil {
		t.Errorf("Sweep = %d, %v; want 2", n, err)
	}
	if got, want := names(t, root), []string{"a", "c" + Suffix, "writing"}; !slices.Equal(got, want) {
		t.Errorf("the folder has %q, want %q", got, want)
	}
	if n, err := Sweep(filepath.Join(root, "none")); n != 0 || err != nil {
		t.Errorf("Sweep of no folder = %d, %v", n, err)
	}
}
