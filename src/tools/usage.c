/* The command line explained, and which Weir this is (httpd's main.c, usage and show_compile_settings). */
#include "tools.h"

static const struct {
    const char *option, *english, *japanese;
} options[] = {
    { "-D name", "define a name for <IfDefine name>", "<IfDefine name> 用の名前を定義する" },
    { "-d directory", "specify an alternate initial ServerRoot", "最初の ServerRoot を指定する" },
    { "-f file", "specify an alternate configuration file", "設定ファイルを指定する" },
    { "-C \"directive\"", "process directive before the configuration file", "設定ファイルより前に読む" },
    { "-c \"directive\"", "process directive after the configuration file", "設定ファイルより後に読む" },
    { "-e level", "show startup errors of level (see LogLevel)", "起動時に表示するレベル" },
    { "-E file", "log startup errors to file", "起動時のエラーをファイルに書く" },
    { "-k verb", "start in the background, or signal the running server", "起動・停止・再読み込み" },
    { "-t", "run syntax check for the configuration", "設定を検査する" },
    { "-S", "show virtual hosts and run settings", "バーチャルホストと実行時設定を表示する" },
    { "-M", "show loaded modules", "読み込まれたモジュールを表示する" },
    { "-t -D DUMP_VHOSTS", "show virtual hosts", "バーチャルホストを表示する" },
    { "-t -D DUMP_RUN_CFG", "show run settings", "実行時設定を表示する" },
    { "-t -D DUMP_MODULES", "a synonym for -M", "-M と同じ" },
    { "-t -D DUMP_INCLUDES", "show all included configuration files", "読み込んだ設定ファイルを表示する" },
    { "-l", "list the modules that Weir contains", "含まれるモジュールの一覧" },
    { "-L", "list all directives and what Weir does with them", "ディレクティブの一覧と対応状況" },
    { "-T", "start without DocumentRoot check (always so)", "DocumentRoot を検査しない(常に)" },
    { "-v", "show version number", "バージョンを表示する" },
    { "-V", "show version and built-in settings", "バージョンと組み込みの設定を表示する" },
    { "-X", "debug mode: one worker, in the foreground", "デバッグモード(ワーカー 1 つ、フォアグラウンド)" },
    { "-h", "show this page", "この説明を表示する" },
};

static const struct {
    const char *verb, *english, *japanese;
} verbs[] = {
    { "demo", "a chat page and a configuration to try Weir with", "試用のチャットと設定" },
    { "echo [-l ADDR]", "a WebSocket echo backend", "WebSocket エコーサーバー" },
};

void usage_print(FILE *to, const char *program)
{
    int pad = (int)strlen(program);
    fprintf(to,
            "Usage: %s [-D name] [-d directory] [-f file]\n"
            "       %*s [-C \"directive\"] [-c \"directive\"]\n"
            "       %*s [-k start|restart|graceful|graceful-stop|stop]\n"
            "       %*s [-v] [-V] [-h] [-l] [-L] [-t] [-T] [-S] [-M] [-X]\n"
            "       %s demo | echo   (VERB --help)\n"
            "Options / オプション:\n",
            program, pad, "", pad, "", pad, "", program);
    for (size_t i = 0; i < COUNT_OF(options); i++)
        fprintf(to, "  %-21s: %s / %s\n", options[i].option, options[i].english, options[i].japanese);
    fprintf(to, "Verbs / サブコマンド:\n");
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        fprintf(to, "  %-21s: %s / %s\n", verbs[i].verb, verbs[i].english, verbs[i].japanese);
    fprintf(to, "Without -k start Weir stays in the foreground. / -k start がなければフォアグラウンドで動きます。\n");
}

void usage_version(void)
{
    printf("Server version: Weir/%s\n", WEIR_VERSION);
    printf("Configuration:  as Apache/%s\n", APACHE_VERSION);
}

void usage_build(const char *file)
{
    usage_version();
    printf("Architecture:   %zu-bit\n", 8 * sizeof(void *));
    printf("Server MPM:     event\n"
           "  threaded:     yes (one worker thread a core)\n"
           "    forked:     no\n");
    printf("Server compiled with....\n"
           " -D HTTPD_ROOT=\"%s\"\n"
           " -D SERVER_CONFIG_FILE=\"%s\"\n",
           HTTPD_ROOT, file);
}
