import type { Language } from ".";

/** Japanese descriptions of the server's modules. Their own descriptions are English, because models read them. */
const JAPANESE: Readonly<Record<string, string>> = {
  github:
    "GitHub のリポジトリ、ファイル、Issue、プルリクエスト、レビュー、Actions、リリース、ディスカッション、プロジェクト、セキュリティアラート、Gist、通知。",
  notion:
    "Notion のページ（Markdown）、データベースとデータソース、ビュー、ブロック、コメント、ファイル、ユーザー。",
  jira: "Jira Cloud の課題、JQL 検索、コメント、作業ログ、リンク、プロジェクト、バージョン、ボード、スプリント、サービスデスクの依頼。",
  confluence:
    "Confluence Cloud のページ、ブログ記事、コメント、添付ファイル、ラベル、閲覧制限、テンプレート、タスク、スペース。",
  supabase:
    "Supabase のプロジェクト、データベースと SQL、マイグレーション、Edge Functions、ブランチ、ストレージ、ログ、アドバイザー。",
  google_calendar: "Google カレンダーのカレンダー、予定と繰り返し、招待、空き時間、タイムゾーン。",
  microsoft_todo:
    "Microsoft To Do のタスクリスト、リマインダーや繰り返し付きのタスク、チェックリスト、リンク、ファイル。",
};

export const described = (
  { module, description }: { module: string; description: string },
  language: Language,
): string =>
  (language === "ja" && Object.hasOwn(JAPANESE, module) && JAPANESE[module]) || description;
