// Renders a chart as Helm does, as far as this repository's needs it: templates with Sprig's functions, include and toYaml. For machines without Helm.
//
//	render CHART [path.of.value=YAML ...]
//
// Built with Debian's packages golang-go, golang-github-masterminds-sprig-dev and golang-k8s-sigs-yaml-dev.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

type chart struct {
	Name, Version, AppVersion string
}

func main() {
	if err := render(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(folder string, settings []string) error {
	var about struct {
		Name       string `json:"name"`
		Version    string `json:"version"`
		AppVersion string `json:"appVersion"`
	}
	values := map[string]interface{}{}
	if err := read(filepath.Join(folder, "Chart.yaml"), &about); err != nil {
		return err
	}
	if err := read(filepath.Join(folder, "values.yaml"), &values); err != nil {
		return err
	}
	for _, setting := range settings {
		if err := set(values, setting); err != nil {
			return err
		}
	}

	templates := template.New("chart").Option("missingkey=zero")
	functions := sprig.TxtFuncMap()
	functions["toYaml"] = func(value interface{}) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	functions["include"] = func(name string, data interface{}) (string, error) {
		var text strings.Builder
		err := templates.ExecuteTemplate(&text, name, data)
		return text.String(), err
	}
	templates.Funcs(functions)
	files, err := filepath.Glob(filepath.Join(folder, "templates", "*"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if _, err := templates.New(filepath.Base(file)).Parse(string(text)); err != nil {
			return err
		}
	}

	data := map[string]interface{}{
		"Values":  values,
		"Chart":   chart{about.Name, about.Version, about.AppVersion},
		"Release": map[string]interface{}{"Name": "test", "Namespace": "default", "Service": "Helm"},
	}
	for _, file := range files {
		name := filepath.Base(file)
		if strings.HasPrefix(name, "_") {
			continue
		}
		var text strings.Builder
		if err := templates.ExecuteTemplate(&text, name, data); err != nil {
			return err
		}
		// Helm prints the notes only when it installs.
		if filepath.Ext(name) == ".yaml" {
			fmt.Printf("---\n# Source: %s\n%s\n", name, strings.ReplaceAll(text.String(), "<no value>", ""))
		}
	}
	return nil
}

func read(path string, into interface{}) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return yaml.Unmarshal(text, into)
}

func set(values map[string]interface{}, setting string) error {
	parts := strings.SplitN(setting, "=", 2)
	path := strings.Split(parts[0], ".")
	for _, name := range path[:len(path)-1] {
		next, found := values[name].(map[string]interface{})
		if !found {
			next = map[string]interface{}{}
			values[name] = next
		}
		values = next
	}
	var value interface{}
	if err := yaml.Unmarshal([]byte(parts[1]), &value); err != nil {
		return err
	}
	values[path[len(path)-1]] = value
	return nil
}
