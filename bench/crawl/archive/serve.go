package main

import (
	"fmt"
	"html"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// robots of the served site: what it forbids is in the archive all the same, as
// in one whose crawler did not obey.
const robots = "User-agent: *\nDisallow: /usr/share/doc/erlang-doc/doc/\n"

// serve offers the pages under folder on a free port of 127.0.0.1, whose address
// it prints, with a first page that links to them all. It does not return.
func serve(folder string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var index strings.Builder
	index.WriteString("<!DOCTYPE html><title>All pages</title>\n")
	err = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || filepath.Ext(path) != ".html" && filepath.Ext(path) != ".xhtml" {
			return err
		}
		rel, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		u := url.URL{Path: "/" + rel}
		fmt.Fprintf(&index, "<a href=\"%s\">%s</a>\n", u.EscapedPath(), html.EscapeString(filepath.Base(rel)))
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Println("http://" + listener.Addr().String() + "/")
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, index.String())
		case "/robots.txt":
			fmt.Fprint(w, robots)
		default:
			// ServeFile would redirect index.html to its folder.
			body, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(filepath.Clean("/"+r.URL.Path))))
			if err != nil {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Last-Modified", "Mon, 02 Jan 2023 15:04:05 GMT")
			w.Write(body)
		}
	}))
}
