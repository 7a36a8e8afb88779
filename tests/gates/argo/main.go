// Command argo-gate validates manifests with Argo's own validation library and no cluster.
//
// Every YAML file named on the command line is read first, so that WorkflowTemplates in one file
// resolve the references of another. Then one JSON line is printed per document:
//
//	{"file", "index", "kind", "name", "ok", "skipped", "error"}
//
// The kinds of Kubernetes itself that are listed in kubernetes.go are decoded strictly; documents of
// other kinds are listed with "skipped": true. The exit status is 0 when all
// documents could be judged, whatever the verdicts, and 2 when a file could not be read.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v4/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v4/util/logging"
	"github.com/argoproj/argo-workflows/v4/workflow/validate"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

type document struct {
	file    string
	index   int
	kind    string
	object  metav1.Object
	err     error
	unknown bool
}

type verdict struct {
	File    string `json:"file"`
	Index   int    `json:"index"`
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Skipped bool   `json:"skipped,omitempty"`
	Error   string `json:"error,omitempty"`
}

// Templates of one namespace; "" is the namespace of documents that name none.
type namespaced map[string]*wfv1.WorkflowTemplate

func (n namespaced) Get(_ context.Context, name string) (*wfv1.WorkflowTemplate, error) {
	if found, ok := n[name]; ok {
		return found, nil
	}
	return nil, fmt.Errorf("no WorkflowTemplate %q among the given files", name)
}

type clusterWide map[string]*wfv1.ClusterWorkflowTemplate

func (c clusterWide) Get(_ context.Context, name string) (*wfv1.ClusterWorkflowTemplate, error) {
	if found, ok := c[name]; ok {
		return found, nil
	}
	return nil, fmt.Errorf("no ClusterWorkflowTemplate %q among the given files", name)
}

type world struct {
	templates map[string]namespaced
	cluster   clusterWide
}

func (w *world) in(namespace string) namespaced {
	if w.templates[namespace] == nil {
		w.templates[namespace] = namespaced{}
	}
	return w.templates[namespace]
}

func main() {
	ctx := logging.WithLogger(context.Background(), logging.NewSlogLoggerCustom(logging.Error, logging.Text, os.Stderr))
	known := &world{templates: map[string]namespaced{}, cluster: clusterWide{}}
	var documents []*document
	for _, file := range os.Args[1:] {
		found, err := read(file)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", file, err)
			os.Exit(2)
		}
		documents = append(documents, found...)
	}
	for _, doc := range documents {
		doc.err = errors.Join(doc.err, known.add(doc.object))
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for _, doc := range documents {
		if err := lines.Encode(known.judge(ctx, doc)); err != nil {
			panic(err)
		}
	}
}

func read(file string) ([]*document, error) {
	body, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var found []*document
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(body)))
	for index := 0; ; index++ {
		text, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		if doc := parse(text); doc != nil {
			doc.file, doc.index = file, index
			found = append(found, doc)
		}
	}
}

// parse gives nil for an empty document, and a document of unknown kind as plain metadata.
func parse(text []byte) *document {
	encoded, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return &document{kind: "?", err: err}
	}
	if string(bytes.TrimSpace(encoded)) == "null" {
		return nil
	}
	var head struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
	}
	if err := json.Unmarshal(encoded, &head); err != nil {
		return &document{kind: "?", err: err}
	}
	doc := &document{kind: head.Kind, object: &head.ObjectMeta}
	var target metav1.Object
	switch {
	case !strings.HasPrefix(head.APIVersion, "argoproj.io/"):
		target = kubernetesObject(head.APIVersion, head.Kind)
	case head.Kind == "WorkflowTemplate":
		target = &wfv1.WorkflowTemplate{}
	case head.Kind == "ClusterWorkflowTemplate":
		target = &wfv1.ClusterWorkflowTemplate{}
	case head.Kind == "Workflow":
		target = &wfv1.Workflow{}
	case head.Kind == "CronWorkflow":
		target = &wfv1.CronWorkflow{}
	}
	if target == nil {
		doc.unknown = true
		return doc
	}
	doc.object = target
	strict, err := kjson.UnmarshalStrict(encoded, target)
	doc.err = errors.Join(append(strict, err)...)
	return doc
}

func (w *world) add(object metav1.Object) error {
	switch o := object.(type) {
	case *wfv1.WorkflowTemplate:
		templates := w.in(o.Namespace)
		if templates[o.Name] != nil {
			return fmt.Errorf("a WorkflowTemplate %q was given twice", o.Name)
		}
		templates[o.Name] = o
	case *wfv1.ClusterWorkflowTemplate:
		if w.cluster[o.Name] != nil {
			return fmt.Errorf("a ClusterWorkflowTemplate %q was given twice", o.Name)
		}
		w.cluster[o.Name] = o
	}
	return nil
}

func (w *world) judge(ctx context.Context, doc *document) (result verdict) {
	result = verdict{File: doc.file, Index: doc.index, Kind: doc.kind}
	defer func() {
		if caught := recover(); caught != nil {
			result.OK, result.Error = false, fmt.Sprintf("the validator panicked: %v", caught)
		}
	}()
	if doc.object != nil {
		result.Name = doc.object.GetName()
		if result.Name == "" {
			result.Name = doc.object.GetGenerateName()
		}
	}
	err := doc.err
	if err == nil {
		var spec wfv1.WorkflowSpec
		switch o := doc.object.(type) {
		case *wfv1.WorkflowTemplate:
			err = w.workflowTemplate(ctx, o)
			spec = o.Spec
		case *wfv1.ClusterWorkflowTemplate:
			err = validate.ValidateClusterWorkflowTemplate(ctx, w.in(""), w.cluster, o, nil, validate.ValidateOpts{})
			spec = o.Spec
		case *wfv1.Workflow:
			err = validate.ValidateWorkflow(ctx, w.in(o.Namespace), w.cluster, o, nil, validate.ValidateOpts{Submit: true})
			spec = o.Spec
		case *wfv1.CronWorkflow:
			err = validate.ValidateCronWorkflow(ctx, w.in(o.Namespace), w.cluster, o, nil)
			spec = o.Spec.WorkflowSpec
		default:
			result.Skipped = doc.unknown
			if !doc.unknown {
				err = checkKubernetes(doc.object)
			}
		}
		if err == nil {
			err = checkExpressions(ctx, spec.Templates)
		}
	}
	result.OK = err == nil
	if err != nil {
		result.Error = err.Error()
	}
	return result
}

// workflowTemplate checks the template as the server does when it is stored and, where it has an
// entrypoint, also as the controller does when it is run: that second check knows the arguments and
// so resolves variables which the first lets through.
func (w *world) workflowTemplate(ctx context.Context, template *wfv1.WorkflowTemplate) error {
	templates := w.in(template.Namespace)
	err := validate.ValidateWorkflowTemplate(ctx, templates, w.cluster, template, nil, validate.ValidateOpts{})
	if err != nil || template.Spec.Entrypoint == "" {
		return err
	}
	run := &wfv1.Workflow{
		ObjectMeta: metav1.ObjectMeta{Name: "run", Namespace: template.Namespace},
		Spec: wfv1.WorkflowSpec{
			WorkflowTemplateRef: &wfv1.WorkflowTemplateRef{Name: template.Name},
			Arguments:           filled(template.Spec.Arguments),
		},
	}
	err = validate.ValidateWorkflow(ctx, templates, w.cluster, run, nil, validate.ValidateOpts{Submit: true})
	if err != nil {
		return fmt.Errorf("as a Workflow with workflowTemplateRef: %w", err)
	}
	return nil
}

// filled gives a value to each parameter that has none, as a submission would.
func filled(arguments wfv1.Arguments) wfv1.Arguments {
	var given wfv1.Arguments
	for _, parameter := range arguments.Parameters {
		if parameter.Value != nil || parameter.ValueFrom != nil {
			continue
		}
		value := wfv1.AnyStringPtr("value")
		if len(parameter.Enum) > 0 {
			value = &parameter.Enum[0]
		}
		given.Parameters = append(given.Parameters, wfv1.Parameter{Name: parameter.Name, Value: value})
	}
	return given
}
