package main

import (
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
)

// The API server's own rules live in a module that cannot be imported. What is checked of
// Kubernetes' own kinds is: no unknown or mistyped field (strict decoding into the API's types), and
// below it the few rules whose breach an apply would refuse.

// kubernetesObject gives an empty object of the kind, or nil for a kind that is not listed.
func kubernetesObject(apiVersion, kind string) metav1.Object {
	switch apiVersion + "/" + kind {
	case "v1/ConfigMap":
		return &corev1.ConfigMap{}
	case "v1/PodTemplate":
		return &corev1.PodTemplate{}
	case "v1/Secret":
		return &corev1.Secret{}
	case "v1/Service":
		return &corev1.Service{}
	case "v1/ServiceAccount":
		return &corev1.ServiceAccount{}
	case "v1/PersistentVolumeClaim":
		return &corev1.PersistentVolumeClaim{}
	case "rbac.authorization.k8s.io/v1/Role":
		return &rbacv1.Role{}
	case "rbac.authorization.k8s.io/v1/RoleBinding":
		return &rbacv1.RoleBinding{}
	case "rbac.authorization.k8s.io/v1/ClusterRole":
		return &rbacv1.ClusterRole{}
	case "rbac.authorization.k8s.io/v1/ClusterRoleBinding":
		return &rbacv1.ClusterRoleBinding{}
	case "apps/v1/Deployment":
		return &appsv1.Deployment{}
	case "apps/v1/StatefulSet":
		return &appsv1.StatefulSet{}
	case "batch/v1/Job":
		return &batchv1.Job{}
	case "batch/v1/CronJob":
		return &batchv1.CronJob{}
	case "autoscaling/v2/HorizontalPodAutoscaler":
		return &autoscalingv2.HorizontalPodAutoscaler{}
	case "policy/v1/PodDisruptionBudget":
		return &policyv1.PodDisruptionBudget{}
	case "networking.k8s.io/v1/NetworkPolicy":
		return &networkingv1.NetworkPolicy{}
	}
	return nil
}

func checkKubernetes(object metav1.Object) error {
	if problems := validation.IsDNS1123Subdomain(object.GetName()); len(problems) > 0 {
		return fmt.Errorf("metadata.name %q: %s", object.GetName(), problems[0])
	}
	for key, value := range object.GetLabels() {
		if problems := validation.IsQualifiedName(key); len(problems) > 0 {
			return fmt.Errorf("metadata.labels %q: %s", key, problems[0])
		}
		if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
			return fmt.Errorf("metadata.labels.%s %q: %s", key, value, problems[0])
		}
	}
	switch o := object.(type) {
	case *corev1.ConfigMap:
		size := 0
		for key, value := range o.Data {
			size += len(key) + len(value)
		}
		for key, value := range o.BinaryData {
			size += len(key) + len(value)
		}
		if size > corev1.MaxSecretSize { // one limit for both kinds
			return fmt.Errorf("data has %d bytes, more than %d", size, corev1.MaxSecretSize)
		}
	case *corev1.PodTemplate:
		return checkPodSpec(o.Template.Spec)
	case *corev1.Service:
		if problems := validation.IsDNS1035Label(o.Name); len(problems) > 0 {
			return fmt.Errorf("metadata.name %q: %s", o.Name, problems[0])
		}
		if len(o.Spec.Ports) == 0 && o.Spec.ClusterIP != corev1.ClusterIPNone {
			return errors.New("spec.ports is empty")
		}
		return unnamedPort(o.Spec.Ports)
	case *rbacv1.RoleBinding:
		return checkBinding(o.RoleRef, o.Subjects)
	case *rbacv1.ClusterRoleBinding:
		return checkBinding(o.RoleRef, o.Subjects)
	case *rbacv1.Role:
		return checkRules(o.Rules)
	case *appsv1.Deployment:
		return checkPods(o.Spec.Selector, o.Spec.Template)
	case *appsv1.StatefulSet:
		return checkPods(o.Spec.Selector, o.Spec.Template)
	case *batchv1.Job:
		return checkPodSpec(o.Spec.Template.Spec)
	case *batchv1.CronJob:
		return checkPodSpec(o.Spec.JobTemplate.Spec.Template.Spec)
	}
	return nil
}

func unnamedPort(ports []corev1.ServicePort) error {
	for _, port := range ports {
		if len(ports) > 1 && port.Name == "" {
			return errors.New("spec.ports: several ports need names")
		}
	}
	return nil
}

func checkBinding(role rbacv1.RoleRef, subjects []rbacv1.Subject) error {
	if role.APIGroup != rbacv1.GroupName || role.Kind == "" || role.Name == "" {
		return fmt.Errorf("roleRef needs apiGroup %s, kind and name", rbacv1.GroupName)
	}
	for _, subject := range subjects {
		if subject.Kind == rbacv1.ServiceAccountKind && subject.APIGroup != "" {
			return errors.New("subjects: a ServiceAccount has no apiGroup")
		}
	}
	return nil
}

func checkRules(rules []rbacv1.PolicyRule) error {
	for i, rule := range rules {
		if len(rule.Verbs) == 0 || len(rule.APIGroups) == 0 || len(rule.Resources) == 0 {
			return fmt.Errorf("rules[%d] needs verbs, apiGroups and resources", i)
		}
	}
	return nil
}

func checkPods(selector *metav1.LabelSelector, template corev1.PodTemplateSpec) error {
	chosen, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return fmt.Errorf("spec.selector: %w", err)
	}
	if selector == nil || chosen.Empty() || !chosen.Matches(labels.Set(template.Labels)) {
		return errors.New("spec.selector does not match spec.template.metadata.labels")
	}
	return checkPodSpec(template.Spec)
}

func checkPodSpec(spec corev1.PodSpec) error {
	if len(spec.Containers) == 0 {
		return errors.New("the pod has no containers")
	}
	volumes := map[string]bool{}
	for _, volume := range spec.Volumes {
		volumes[volume.Name] = true
	}
	for _, container := range append(append([]corev1.Container{}, spec.InitContainers...), spec.Containers...) {
		if problems := validation.IsDNS1123Label(container.Name); len(problems) > 0 {
			return fmt.Errorf("container name %q: %s", container.Name, problems[0])
		}
		if container.Image == "" {
			return fmt.Errorf("container %s has no image", container.Name)
		}
		for _, mount := range container.VolumeMounts {
			if !volumes[mount.Name] {
				return fmt.Errorf("container %s mounts %q, which is no volume", container.Name, mount.Name)
			}
		}
	}
	return nil
}
