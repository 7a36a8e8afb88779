package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/Knetic/govaluate"
	wfv1 "github.com/argoproj/argo-workflows/v4/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v4/workflow/common"
	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/parser"
)

// Argo's validator resolves variables but leaves the syntax of expressions to the controller: a
// `depends: a &&` is stored without complaint and errors its node at run time. The checks here
// compile them with the libraries, and after the rewriting, that the controller uses.

var (
	simpleTag     = regexp.MustCompile(`{{[^={}][^{}]*}}`)
	expressionTag = regexp.MustCompile(`{{=(.*?)}}`)
)

func checkExpressions(ctx context.Context, templates []wfv1.Template) error {
	for i := range templates {
		if err := checkTemplate(ctx, &templates[i]); err != nil {
			return fmt.Errorf("templates.%s.%w", templates[i].Name, err)
		}
	}
	return nil
}

func checkTemplate(ctx context.Context, template *wfv1.Template) error {
	if template.RetryStrategy != nil {
		if err := parsed(template.RetryStrategy.Expression); err != nil {
			return fmt.Errorf("retryStrategy.expression: %w", err)
		}
	}
	for _, parameter := range template.Outputs.Parameters {
		if parameter.ValueFrom == nil {
			continue
		}
		if err := parsed(parameter.ValueFrom.Expression); err != nil {
			return fmt.Errorf("outputs.parameters.%s.valueFrom.expression: %w", parameter.Name, err)
		}
	}
	if template.DAG != nil {
		known := tasks{}
		for i := range template.DAG.Tasks {
			known[template.DAG.Tasks[i].Name] = &template.DAG.Tasks[i]
		}
		for i := range template.DAG.Tasks {
			task := &template.DAG.Tasks[i]
			if err := checkDepends(ctx, task, known); err != nil {
				return fmt.Errorf("dag.tasks.%s.depends: %w", task.Name, err)
			}
			if err := checkNode(task.When, task.Hooks); err != nil {
				return fmt.Errorf("dag.tasks.%s.%w", task.Name, err)
			}
		}
	}
	for _, parallel := range template.Steps {
		for _, step := range parallel.Steps {
			if err := checkNode(step.When, step.Hooks); err != nil {
				return fmt.Errorf("steps.%s.%w", step.Name, err)
			}
		}
	}
	text, err := json.Marshal(template)
	if err != nil {
		return err
	}
	for _, found := range expressionTag.FindAllStringSubmatch(string(text), -1) {
		var source string
		if err := json.Unmarshal([]byte(`"`+found[1]+`"`), &source); err != nil {
			source = found[1]
		}
		if err := parsed(source); err != nil {
			return fmt.Errorf("expression {{=%s}}: %w", source, err)
		}
	}
	return nil
}

func checkNode(when string, hooks wfv1.LifecycleHooks) error {
	for name, hook := range hooks {
		if err := parsed(hook.Expression); err != nil {
			return fmt.Errorf("hooks.%s.expression: %w", name, err)
		}
	}
	if when == "" {
		return nil
	}
	filled := simpleTag.ReplaceAllString(expressionTag.ReplaceAllString(when, "true"), "Succeeded")
	if _, err := govaluate.NewEvaluableExpression(filled); err != nil {
		return fmt.Errorf("when: %w", err)
	}
	return nil
}

// checkDepends compiles as the controller's evaluateDependsLogic does: dashes become underscores,
// and each task is a variable, so that a task called "in" or "not" is caught as well.
func checkDepends(ctx context.Context, task *wfv1.DAGTask, known tasks) error {
	names, logic := common.GetTaskDependencies(ctx, task, known)
	if logic == "" {
		return nil
	}
	scope := map[string]map[string]bool{}
	for name := range names {
		scope[strings.ReplaceAll(name, "-", "_")] = map[string]bool{
			"Succeeded": true, "Failed": true, "Errored": true, "Skipped": true,
			"Omitted": true, "Daemoned": true, "AnySucceeded": true, "AllFailed": true,
		}
	}
	program, err := expr.Compile(strings.ReplaceAll(logic, "-", "_"), expr.Env(scope))
	if err != nil {
		return err
	}
	result, err := expr.Run(program, scope)
	if err != nil {
		return err
	}
	if _, ok := result.(bool); !ok {
		return fmt.Errorf("%q gives no boolean", logic)
	}
	return nil
}

// parsed checks the syntax only: the types of what the tags stand for are not known.
func parsed(source string) error {
	if source == "" {
		return nil
	}
	_, err := parser.Parse(simpleTag.ReplaceAllString(source, "1"))
	return err
}

// tasks is what Argo calls a DagContext: the tasks of one DAG by name.
type tasks map[string]*wfv1.DAGTask

func (t tasks) GetTask(_ context.Context, name string) *wfv1.DAGTask { return t[name] }

func (t tasks) GetTaskDependencies(ctx context.Context, name string) []string {
	var names []string
	found, _ := common.GetTaskDependencies(ctx, t[name], t)
	for dependency := range found {
		names = append(names, dependency)
	}
	return names
}

func (t tasks) GetTaskFinishedAtTime(context.Context, string) time.Time { return time.Time{} }
