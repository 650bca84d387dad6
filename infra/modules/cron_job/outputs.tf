output "pod" {
  description = "The template of its pods."
  value       = kubernetes_cron_job_v1.this.spec[0].job_template[0].spec[0].template[0]
}

output "spec" {
  description = "The CronJob's specification."
  value       = kubernetes_cron_job_v1.this.spec[0]
}
